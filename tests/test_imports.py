"""Imports at the start of a command: every second of imports delays the first answer."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ("vllm", "torch", "transformers", "numpy", "scipy", "matplotlib", "huggingface_hub", "training")


def imported(statement: str) -> set[str]:
    """Heavy modules that a statement imports."""
    code = f"import sys; {statement}; print(*{set(HEAVY)!r} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_application_the_commands_and_the_evaluation_import_no_heavy_module() -> None:
    modules = "service.api.app service.cli.main service.cli.output service.cli.evaluate service.cli.calibrate service.cli.serve"
    assert imported(f"import {', '.join(modules.split())}, service.evaluation.evaluate") == set()


def test_the_check_detects_an_import() -> None:
    assert imported("sys.modules['torch'] = sys") == {"torch"}


def _names_of_the_hub() -> set[tuple[str, str]]:
    """Module and name of each import from huggingface_hub, whose private names can change with any version."""
    found = set()
    for file in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "huggingface_hub":
                found |= {(str(node.module), alias.name) for alias in node.names}
    return found


def test_the_names_of_the_hub_exist_in_the_installed_version() -> None:
    names = _names_of_the_hub()
    assert ("huggingface_hub.utils._http", "default_client_factory") in names
    for module, name in names:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
