"""Unexpected skips fail."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def strict(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest("from tests.support.skips import pytest_make_collect_report, pytest_runtest_makereport")
    return pytester


def _run(pytester: pytest.Pytester) -> pytest.RunResult:
    plugins = ("asyncio", "xdist", "cacheprovider", "schemathesis", "langsmith_plugin")
    return pytester.runpytest_inprocess(*(part for name in plugins for part in ("-p", f"no:{name}")))


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("only root can put on a container's capabilities", "skipped"),
        ("no Python 3.14 here", "skipped"),
        ("no container engine: apt is missing", "skipped"),
        ("the data is missing", "errors"),
        ("not only root ", "errors"),
    ],
)
def test_a_reason_is_allowed_or_fails(strict: pytest.Pytester, reason: str, outcome: str) -> None:
    strict.makepyfile(f"import pytest\n@pytest.mark.skipif(True, reason={reason!r})\ndef test_it(): pass")
    assert _run(strict).parseoutcomes() == {outcome: 1}


def test_a_skip_inside_a_test_fails_with_its_reason(strict: pytest.Pytester) -> None:
    strict.makepyfile("import pytest\ndef test_it(): pytest.skip('no network')")
    result = _run(strict)
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["*.py:2: unexpected skip: no network.*"])


def test_a_module_without_its_import_fails(strict: pytest.Pytester) -> None:
    strict.makepyfile("import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass")
    assert _run(strict).parseoutcomes() == {"errors": 1}


def test_expected_failures_and_other_outcomes_stay(strict: pytest.Pytester) -> None:
    strict.makepyfile(
        "import pytest\n@pytest.mark.xfail\ndef test_known(): assert False\ndef test_right(): pass\n"
        "def test_wrong(): assert False"
    )
    assert _run(strict).parseoutcomes() == {"xfailed": 1, "passed": 1, "failed": 1}
