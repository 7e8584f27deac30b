"""Stage `second`: the student's own verified paths, of both kinds, as further rationales; teacher data is kept.

A small student learns more from ways of reasoning that it can write itself (SIKeD, arXiv 2410.18574). Its paths over
the training questions pass the same filter as a teacher's; then the base model is trained anew, or that student goes on
learning, on both.
"""

from collections.abc import Sequence
from pathlib import Path

from training.filter import filter_rationales, table
from training.rationale import Problem, Rationale, write_rows
from training.recipe import Filter
from training.sampling import read_samples

RATIONALES = "rationales.jsonl"


def verify(samples: Path, problems: Sequence[Problem], settings: Filter, out: Path) -> None:
    """Write the right ones of the student's paths over training problems to the directory `out`, with a report."""
    rationales = [
        Rationale(sampled.id, path.kind, "student", path.text)
        for sampled in read_samples(samples)
        for path in sampled.paths
        if path.right
    ]
    filtered = filter_rationales({problem.id: problem for problem in problems}, (), rationales, settings)
    write_rows(out / RATIONALES, (rationale.row() for rationale in filtered.kept))
    (out / "report.md").write_text(table(filtered.report))
