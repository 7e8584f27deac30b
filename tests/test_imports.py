"""What a start may import: seconds of imports are seconds until the first answer."""

import subprocess
import sys

HEAVY = ("vllm", "torch", "transformers", "numpy", "huggingface_hub", "training")


def imported(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{set(HEAVY)!r} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_application_imports_nothing_heavy() -> None:
    assert imported("import service.api.app") == set()


def test_the_commands_import_nothing_heavy_until_it_is_needed() -> None:
    assert imported("import service.cli.main, service.cli.output, service.cli.evaluate, service.cli.serve") == set()


def test_the_check_itself_notices_an_import() -> None:
    assert imported("sys.modules['torch'] = sys") == {"torch"}
