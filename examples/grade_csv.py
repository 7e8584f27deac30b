"""Grading of a class set: responses in a CSV file.

    python examples/grade_csv.py examples/class.csv grades.csv

The input has the columns `problem` and `response`, and `expected` if you know the answers. The output has the same
rows and four more columns. `twinpath grade --input class.csv --output grades.csv` also resumes after an interruption.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from twinpath import Client, GradeRow

FIELDS = ["problem", "response", "expected"]
COLUMNS = ["twinpath_verdict", "twinpath_answer", "twinpath_given", "twinpath_note"]


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
        reader = csv.DictReader(file)
        rows, names = list(reader), list(reader.fieldnames or [])
    seed = {} if options.seed is None else {"seed": options.seed}
    requests = [{name: row[name] for name in FIELDS if row.get(name)} | {"response": row["response"]} for row in rows]
    with Client(options.url, api_key=options.api_key) as client:
        results = {result.line: result for result in client.grade_many(request | seed for request in requests)}

    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, *COLUMNS])
        for line, row in enumerate(rows, 1):
            writer.writerow([*(row[name] for name in names), *cells(results.get(line))])
    counts = Counter(cells(results.get(line))[0] for line in range(1, len(rows) + 1))
    print(f"{len(rows)} responses:", ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))


def cells(result: GradeRow | None) -> list[str]:
    """Cells of one result. The note has the first false equation, the reason of `undecided`, or the error."""
    if result is None or result.grade is None:
        return ["error", "", "", result.error.detail if result and result.error else "no result"]
    grade = result.grade
    false = next((step for step in grade.steps if not step.holds), None)
    note = f"should be {false.should_be}: {false.text}" if false else grade.reason or ""
    return [grade.verdict, grade.answer or "", grade.given or "", note]


if __name__ == "__main__":
    main()
