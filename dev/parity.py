"""Parity of the sandbox with plain CPython on whole sets of programs.

    python -m dev.parity programs.jsonl

Every row has the program as `text`. Programs that fail under plain CPython are not compared.
"""

import argparse
import asyncio
import json
from pathlib import Path

from service.cli.sandbox import answer_text
from service.components import sandbox_pool
from service.settings import load_settings
from tests.sandbox.programs import plain_answers


def main() -> None:
    """Run every program both ways and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=Path)
    lines = parser.parse_args().programs.read_text(encoding="utf-8").split("\n")
    programs = [json.loads(line)["text"] for line in lines if line]
    compared, differences = asyncio.run(compare(programs))
    print("\n".join(differences))
    print(f"{len(programs)} programs, {compared} run under plain CPython, {len(differences)} differ")


async def compare(programs: list[str]) -> tuple[int, list[str]]:
    """Number of compared programs, and one line per difference."""
    expected = plain_answers(programs)
    pool = sandbox_pool(load_settings())
    await pool.start()
    try:
        executions = await asyncio.gather(*(pool.run(program) for program in programs))
    finally:
        await pool.close()
    rows = [row for row in zip(programs, executions, expected, strict=True) if row[2] is not None]
    differences = [
        f"{program!r}: {execution.value!r} {execution.detail}, not {answer}"
        for program, execution, answer in rows
        if execution.value is None or answer_text(execution.value) != answer
    ]
    return len(rows), differences


if __name__ == "__main__":
    main()
