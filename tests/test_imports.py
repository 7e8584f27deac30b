"""Imports at the start of a command: every second of imports delays the first answer."""

import subprocess
import sys

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
