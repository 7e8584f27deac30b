"""Typical programs, programs of published data, and their plain CPython answers."""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from service.cli.sandbox import answer_text
from tests.sandbox import interpreters
from tests.support.data import data_rows


def _programs(file: str) -> dict[str, str]:
    parts = Path(__file__).with_name(file).read_text().split("#### ")[1:]
    return dict(part.rstrip().split("\n", maxsplit=1) for part in parts)


MODERN = _programs("modern_programs.txt")
"""Feature → program that uses it. The policy must accept all of them, and all run under plain Python."""

HONEST = _programs("honest_programs.txt")
"""Feature → program that uses a modern feature or the standard library. All run under plain Python."""


def svamp() -> list[str]:
    """Programs of SVAMP's teacher."""
    return [row["text"] for row in data_rows("svamp_teacher_pot")]


def gsm8k() -> list[str]:
    """GSM8K's annotations `<<48/2=24>>` as programs: one line per annotation, and the last value is the answer."""
    programs = []
    for row in data_rows("gsm8k_train"):
        sums = re.findall(r"<<([^<>=]+)=([^<>=]+)>>", row["solution"])
        lines = [f"step_{number} = {expression}" for number, (expression, _) in enumerate(sums, start=1)]
        if lines:
            programs.append("\n".join([*lines, f"ans = step_{len(lines)}"]))
    return programs


def plain_answers(programs: Iterable[str]) -> list[str | None]:
    """Answers of the programs under plain CPython, in another process. None if a program has no answer."""
    result = interpreters.run_module(sys.executable, "tests.sandbox.programs", stdin=json.dumps(list(programs)))
    answers: list[str | None] = json.loads(result.stdout)
    return answers


def _plain_answer(program: str) -> str | None:
    # Deliberately independent of `service.sandbox.runner`.
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed: list[str] = []
    namespace["print"] = lambda *values, file=None, **options: (
        printed.append(" ".join(map(str, values))) if file is None else print(*values, file=file, **options)
    )
    try:
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            exec(program, namespace)
        if "ans" in namespace:
            value = namespace["ans"]
        elif "solution" in namespace:
            value = namespace["solution"]()
        else:
            value = printed[-1]
        return None if value is None else answer_text(list(value) if isinstance(value, tuple) else value)
    except BaseException:
        return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps([_plain_answer(program) for program in json.load(sys.stdin)]))
