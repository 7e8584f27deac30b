"""The filter of rationales."""

from pathlib import Path

from service.types import PathKind
from training.artifact import tree_digest
from training.data.filtered import FilterReport, FilterResult, report_table
from training.data.problem import Problem, Rationale, read_rows
from training.recipe import Filter
from training.stages.filter import filter_rationales, write_filtered


def _filter(*rationales: Rationale, **settings: object) -> list[FilterResult]:
    problems = {"p": Problem("p", "What is 3 plus 4?", "7"), "held": Problem("held", "?", "1"),
                "name": Problem("name", "Who?", "Ann")}  # fmt: skip
    results = []
    for rationale in rationales:
        found = filter_rationales(problems, ["held"], [rationale], Filter(**settings))
        ((_, counts),) = found.report.items()
        (result,) = counts
        results.append(result)
    return results


def test_the_filter_gives_each_rationale_its_result() -> None:
    texts = [
        (PathKind.COT, "3 + 4 = 7. The answer is 7", FilterResult.KEPT),
        (PathKind.COT, "3 + 4 = 8. The answer is 8", FilterResult.WRONG),
        (PathKind.COT, "3 + 4 = 9, which is 7. The answer is 7", FilterResult.EQUATIONS),
        (PathKind.COT, "I do not know", FilterResult.UNPARSED),
        (PathKind.POT, "```python\nans = 3 + 4\n```", FilterResult.KEPT),
        (PathKind.POT, "ans = 3 - 4", FilterResult.WRONG),
        (PathKind.POT, "ans = 1 / 0", FilterResult.FAILED),
        (PathKind.POT, "import os\nos.system('true')\nans = 7", FilterResult.FAILED),
        (PathKind.POT, "Sorry.", FilterResult.UNPARSED),
    ]
    rationales = [Rationale("p", kind, "t", text) for kind, text, _ in texts]
    assert _filter(*rationales) == [result for _, _, result in texts]
    assert _filter(Rationale("held", PathKind.COT, "t", "The answer is 1")) == [FilterResult.HELD_OUT]
    assert _filter(Rationale("q", PathKind.COT, "t", "The answer is 1")) == [FilterResult.ORPHAN]
    assert _filter(Rationale("name", PathKind.COT, "t", "The answer is 1")) == [FilterResult.UNREAD_GOLD]


def test_near_duplicates_and_what_is_over_the_limit_fall_out() -> None:
    long = "We add the two numbers of the question, so that three and four give seven: 3 + 4 = 7. The answer is 7"
    texts = [long, long.replace("We", "we"), "3 + 4 = 7. The answer is 7", "4 + 3 = 7 in all. The answer is 7"]
    found = filter_rationales(
        {"p": Problem("p", "?", "7")},
        (),
        [Rationale("p", PathKind.COT, "t", text) for text in texts],
        Filter(per_question=2),
    )
    assert [rationale.text for rationale in found.kept] == [texts[0], texts[2]]
    assert report_table(found.report) == (
        "| teacher | kind | rows | kept | near-duplicate | over the limit |\n|---|---|---:|---:|---:|---:|\n"
        "| t | cot | 4 | 2 | 1 | 1 |\n"
    )


def test_examples_of_the_dropped_rationales(tmp_path: Path) -> None:
    """Three of each teacher, kind and reason, with the answer that was found."""
    problems = {"p": Problem("p", "What is 3 plus 4?", "7")}
    wrong = [Rationale("p", PathKind.COT, "t", f"3 + {n} = {3 + n}. The answer is {3 + n}") for n in range(5, 10)]
    others = [
        Rationale("p", PathKind.POT, "t", "ans = 3 - 4"),
        Rationale("p", PathKind.POT, "u", "ans = 1 / 0"),
        Rationale("p", PathKind.COT, "u", "3 + 4 = 7. The answer is 7"),
        Rationale("gone", PathKind.COT, "u", "The answer is 7"),
    ]
    write_filtered(filter_rationales(problems, (), [*wrong, *others], Filter()), tmp_path)
    rows = list(read_rows(tmp_path / "log/dropped.jsonl"))
    assert [(row["teacher"], row["kind"], row["result"], row["found"]) for row in rows] == [
        ("t", "cot", "wrong answer", "8"),
        ("t", "cot", "wrong answer", "9"),
        ("t", "cot", "wrong answer", "10"),
        ("t", "pot", "wrong answer", "-1"),
        ("u", "pot", "program failed", "error"),
        ("u", "cot", "no such problem", ""),
    ]
    assert rows[0] == {
        "id": "p",
        "kind": "cot",
        "teacher": "t",
        "text": "3 + 5 = 8. The answer is 8",
        "question": "What is 3 plus 4?",
        "answer": "7",
        "result": "wrong answer",
        "found": "8",
    }
    assert (rows[-1]["question"], rows[-1]["answer"]) == ("", "")
    report = FilterReport.read(tmp_path / "log/report.json")
    assert [(row.teacher, row.kind, row.results) for row in report.rows] == [
        ("t", PathKind.COT, {FilterResult.WRONG: 5}),
        ("t", PathKind.POT, {FilterResult.WRONG: 1}),
        ("u", PathKind.COT, {FilterResult.KEPT: 1, FilterResult.ORPHAN: 1}),
        ("u", PathKind.POT, {FilterResult.FAILED: 1}),
    ]
    assert tree_digest(tmp_path)[1].keys() == {"rationales.jsonl", "report.md"}
