"""Grading of a class set over HTTP, from a CSV file to a CSV file.

    python examples/grade_csv.py examples/class.csv grades.csv

The input has the columns `problem` and `response`, and `expected` if you know the answers. The output has the same
rows in the same order, with four more columns. `twinpath grade --input class.csv --output grades.csv` also resumes
after an interruption.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from twinpath import Client, GradeResponse

COLUMNS = ["verdict", "answer", "given", "note"]


def main() -> None:
    """Grade the file, and print the number of each verdict."""
    parser = argparse.ArgumentParser(description="Grade the responses in a CSV file.")
    parser.add_argument("input", type=Path, help="CSV file with the columns problem and response")
    parser.add_argument("output", type=Path, help="CSV file of the grades")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the service")
    parser.add_argument("--api-key", help="API key, if the service needs one")
    parser.add_argument("--seed", type=int, help="seed of the votes")
    options = parser.parse_args()

    with options.input.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    fields = [{name: row[name] for name in ("problem", "response", "expected") if row.get(name)} for row in rows]
    seed = {} if options.seed is None else {"seed": options.seed}
    with Client(options.url, api_key=options.api_key) as client:
        for result in client.grade_many({"id": n, "response": "", **row, **seed} for n, row in enumerate(fields)):
            columns = grade_columns(result.grade) if result.grade else ["error", "", "", result.error.detail]
            rows[result.id] |= dict(zip(COLUMNS, columns, strict=True))

    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    counts = Counter(row["verdict"] for row in rows)
    print(f"{len(rows)} responses:", ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))


def grade_columns(grade: GradeResponse) -> list[str]:
    """Cells of a grade. The note names the first false equation, or the reason of an undecided verdict."""
    false = next((step for step in grade.steps if not step.holds), None)
    note = f"should be {false.should_be}: {false.text}" if false else grade.reason or ""
    return [grade.verdict, grade.answer or "", grade.given or "", note]


if __name__ == "__main__":
    main()
