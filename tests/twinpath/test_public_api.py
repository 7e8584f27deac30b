"""The public package: its names, and what its import needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import service
import twinpath
from service.schemas import SolveRequest

ROOT = Path(service.__file__).parents[1]
# httpx and pydantic with their own dependencies.
ALLOWED = {
    "twinpath", "service", "httpx", "httpcore", "h11", "anyio", "sniffio", "certifi", "idna", "pydantic",
    "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "exceptiongroup",
}  # fmt: skip
BLOCKER = f"""
import sys, asyncio, subprocess, tempfile, ssl, socket, sysconfig
sysconfig.get_config_vars()  # loads a module of the platform
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None  # Windows has none of these
class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {ALLOWED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BLOCKER + code], capture_output=True, text=True, cwd=ROOT)


def modules() -> set[str]:
    """Modules of the service that the public package imports."""
    done = run("from twinpath import Client\nprint(*(m for m in sys.modules if m.partition('.')[0] == 'service'))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_client_needs_only_httpx_and_pydantic() -> None:
    assert modules() == {
        "service", "service.client", "service.client.async_client", "service.client.protocol", "service.credentials",
        "service.client.sync_client", "service.errors", "service.faults", "service.schemas", "service.schemas.batch",
        "service.schemas.grade", "service.schemas.later_values", "service.schemas.problem_details", "service.schemas.request",
        "service.json_lines", "service.limits", "service.schemas.response", "service.types",
    }  # fmt: skip


def test_the_client_imports_nothing_that_windows_lacks() -> None:
    for name in modules() | {"twinpath"}:
        path = ROOT / name.replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        found = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        assert not found & {"fcntl", "resource", "pwd", "grp", "termios", "signal"}, name


def test_every_name_works_without_the_service() -> None:
    done = run("import twinpath\nfor name in twinpath.__all__: getattr(twinpath, name)\nprint(twinpath.__version__)")
    assert (done.stdout, done.stderr) == (f"{service.__version__}\n", "")


def test_solve_works_without_the_service() -> None:
    code = """
import httpx, twinpath
def answer(request): return httpx.Response(503, json={"title": "t", "status": 503, "detail": "starting", "request_id": None, "errors": []})
with twinpath.Client(transport=httpx.MockTransport(answer), retries=twinpath.Retries(limit=0)) as client:
    try:
        client.solve("How many?")
    except twinpath.ServiceError as error:
        print(error.status, error)
"""
    done = run(code)
    assert (done.stdout, done.stderr) == ("503 starting\n", "")


def test_the_command_names_the_extra_that_it_needs() -> None:
    done = run("from twinpath.__main__ import main\nmain()")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("twinpath: the command needs the extra `serve` (")
    assert done.stderr.endswith(" is missing): pip install 'twinpath[serve]'\n")
    assert done.stderr.count("\n") == 1


def test_a_broken_module_of_the_service_is_not_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from twinpath.__main__ import main

    monkeypatch.setitem(sys.modules, "service.cli.main", None)
    with pytest.raises(ModuleNotFoundError, match=r"service\.cli\.main"):
        main()


def test_all_is_sorted_and_complete() -> None:
    assert twinpath.__all__ == sorted(twinpath.__all__)
    assert {"__doc__", "__file__", "__path__", *twinpath.__all__} <= set(dir(twinpath))
    assert twinpath.__version__ == service.__version__


def test_the_client_has_every_option_of_a_request() -> None:
    assert set(twinpath.SolveOptions.__annotations__) == set(SolveRequest.model_fields) - {"problem"}
