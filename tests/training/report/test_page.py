"""Report of a run: figures of every stage, and hostile texts."""

import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.types import PathKind
from tests.support.training_report import HOSTILE, SMALL, recipe, write_run
from training.artifact import tree_digest
from training.report.data import MAX_CHARS, DroppedRow, examples, shortened
from training.report.page import report_page, write_report
from training.report.results import kind_of, pooled
from training.report.stages import public
from training.run import Run
from training.sample.statistics import Accuracy
from training.stages.measure import Measurement

TITLES = [
    "Results on the test problems",
    "Both kinds against one",
    "Training",
    "Filter",
    "Data set",
    "Teacher",
    "Calibration on the dev problems",
    "Checkpoint",
    "Stages and hashes",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run with every stage, calibrated on two orders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.evaluation.calibration.thresholds.ORDERS", 2)
        return write_run(tmp_path_factory.mktemp("runs") / "scripted", SMALL)


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """Copy of the run's directory."""
    return Path(shutil.copytree(run.root, tmp_path / "scripted", copy_function=shutil.copy2))


def _titles(page: str) -> list[str]:
    return re.findall(r"<h2>([^<]+)<", page)


def _text(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("</style>")[2])))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Tags()
    reader.feed(page)
    return reader.found


def test_every_stage_has_its_section_and_plots(run: Run) -> None:
    page = report_page(run.recipe, run.root)
    assert _titles(page) == TITLES
    assert re.findall(r"<figure><h3>([^<]+)</h3>", page) == [
        "Reliability: is the confidence right?",
        "Coverage: only the confident answers",
        "Accuracy against paths",
        "Accuracy against tokens",
        "Loss: Student of both kinds",
        "Loss: Self-training",
        "Loss: students of one kind",
        "Dev problems: Student of both kinds",
        "Reliability: is the confidence right?",
        "Confidence map",
    ]
    assert re.findall(r'<li class="(\w+)">', page) == ["made"] * 10
    assert "Not made yet" not in page


def test_the_figures_are_those_of_the_stages(run: Run) -> None:
    text = _text(report_page(run.recipe, run.root))
    measured = Measurement.read(run.root / "measure/measure.json")
    vote = [rows["2 + 2 paths, adaptive"] for rows in measured.sets.values()]
    right = sum(round(row.accuracy * row.problems) for row in vote)
    assert f"{100 * right / 24:.1f} % right answers of the vote on 24 test problems" in text
    assert f"{measured.ece:.3f} calibration error of the confidence" in text
    assert "llama-3-70b CoT 4,183 2,873" in text
    assert "student PoT 609 512" in text
    assert "876 Dropped: wrong answer 3 shown" in text
    assert "gold 21 found 10" in text
    assert "$1.19 paid for the teacher" in text
    assert "cost $1.1894" in text
    assert "31 min 33 s" in text
    assert "twinpath serve --model scripted/export/model" in text
    assert "twinpath serve --model models/gemma-3-270m --adapter scripted/export/adapter" in text
    assert str(run.root) not in text
    for manifest in run.root.glob("*/manifest.json"):
        assert json.loads(manifest.read_text())["digest"][:12] in text


def test_hostile_texts_are_only_text(run: Run) -> None:
    page = report_page(run.recipe, run.root)
    found = _tags(page)
    assert not {"script", "img", "iframe", "link", "object"} & {tag for tag, _ in found}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert HOSTILE in _text(page)
    assert "<script" not in page


def test_the_page_loads_nothing_and_links_only_to_itself(run: Run) -> None:
    page = report_page(run.recipe, run.root)
    attributes = [item for _, found in _tags(page) for item in found.items()]
    assert not {"src", "action", "data"} & {name for name, _ in attributes}
    anchors = {f"#{value}" for name, value in attributes if name == "id"}
    links = {value for name, value in attributes if name == "href"}
    assert {"#measure", "#train", "#export"} <= links <= anchors
    assert "url(" not in page
    assert "default-src &#x27;none&#x27;" in page


def test_a_report_to_share_has_no_key_and_no_address(run: Run) -> None:
    page = report_page(run.recipe, run.root)
    assert "secret" in (run.root / "teacher/manifest.json").read_text()
    assert "secret" not in page
    assert "example.org" not in page
    assert public({"a": {"base_url": "x", "b": 1}, "api_key_file": "y", "c": [2]}) == {"a": {"b": 1}, "c": [2]}
    paths = {"model": "/home/ann/models/gemma", "rationales": ("~/mine.jsonl", "data/own.jsonl")}
    assert public(paths) == {"model": "…/gemma", "rationales": ["…/mine.jsonl", "data/own.jsonl"]}


def test_the_report_is_outside_of_every_hash(run: Run, copy: Path) -> None:
    before = {path.name: tree_digest(path)[0] for path in copy.iterdir()}
    path = write_report(Run(run.recipe, copy))
    assert path == copy / "report.html"
    assert path.read_text() == report_page(run.recipe, copy)
    assert {name: tree_digest(copy / name)[0] for name in before} == before
    assert sorted(path.name for path in copy.iterdir()) == sorted([*before, "report.html"])


def test_stages_that_are_not_made_are_named(run: Run, copy: Path) -> None:
    for name in ("calibrate", "measure", "export"):
        shutil.rmtree(copy / name)
    page = report_page(run.recipe, copy)
    assert "Not made yet: calibrate, measure, export." in page
    assert _titles(page) == [
        title for title in TITLES if title.split()[0] not in ("Results", "Calibration", "Checkpoint")
    ]
    assert "right answers of the vote on" not in page


def test_a_run_without_a_stage(tmp_path: Path) -> None:
    page = report_page(recipe(), tmp_path)
    assert _titles(page) == ["Stages and hashes"]
    assert re.findall(r'<li class="(\w+)">', page) == ["missing"] * 10


def test_a_stage_that_is_off_is_not_shown(run: Run, copy: Path) -> None:
    page = report_page(recipe(compare={"enabled": False}), copy)
    assert "Both kinds against one" not in _titles(page)
    assert '<b>compare</b><span class="soft">off in the recipe</span>' in page


def test_a_rehearsal_is_labeled(run: Run) -> None:
    note = "A rehearsal: the student has random weights"
    assert note not in report_page(run.recipe, run.root)
    assert note in report_page(recipe(student={"model": "random:llama"}), run.root)


def test_older_stages_are_named(run: Run, copy: Path) -> None:
    path = copy / "calibrate/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": "0" * 64}))
    assert "Made from older inputs: measure, export." in report_page(run.recipe, copy)


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("compare/compare.json", "Both kinds against one"),
        ("calibrate/calibration.json", "Calibration on the dev problems"),
        ("dataset/card.json", "Data set"),
        ("filter/log/report.json", ""),  # the student's own rationales stay
    ],
)
def test_a_file_of_another_version_only_leaves_out_its_section(file: str, title: str, run: Run, copy: Path) -> None:
    (copy / file).write_text('{"version": 9}')
    assert _titles(report_page(run.recipe, copy)) == [name for name in TITLES if name != title]


@pytest.mark.parametrize(
    ("file", "gone"),
    [
        ("filter/log/dropped.jsonl", "Dropped: wrong answer"),
        ("train/history.jsonl", "Loss: Student of both kinds"),
        ("train/log/watch.jsonl", "Dev problems: Student of both kinds"),
        ("train/log/memory.jsonl", "19.2 GiB"),
        ("teacher/log/cost.json", "paid for the teacher"),
    ],
)
def test_rows_of_another_version_only_leave_out_their_figure(file: str, gone: str, run: Run, copy: Path) -> None:
    assert gone in report_page(run.recipe, copy)
    (copy / file).write_text('{"minutes": "x", "step": "x", "dollars": "x"}\n')
    assert gone not in report_page(run.recipe, copy)


def test_stages_of_other_settings_are_named(run: Run, copy: Path) -> None:
    changed = run.recipe.filter.model_copy(update={"per_question": 2})
    page = report_page(recipe(filter=changed.model_dump(), compare={"enabled": True, "steps": 9}), copy)
    # The student's own rationales pass the same filter, and the students of one kind belong to `compare`.
    assert "Made from other settings: filter, self_training, compare." in page
    assert '<li class="changed"><span class="mark" aria-hidden="true">↺</span><a href="#filter">filter</a>' in page
    assert "Made from other settings: " not in report_page(run.recipe, copy)
    assert "Made from other settings: teacher, filter, " in report_page(recipe(seed=8), copy)


def test_artifacts_of_an_earlier_recipe_are_no_part_of_the_report(run: Run, copy: Path) -> None:
    page = report_page(recipe(compare={"enabled": False}, self_training={"enabled": False}), copy)
    text = _text(page)
    assert not {"CoT student", "PoT student", "Loss: students of one kind", "Self-training"} & set(
        re.findall(r">([^<>]+)<", page)
    )
    assert "student PoT 609 512" not in text
    assert "in all, for 8 artifacts" in text
    assert "this recipe does not make them: own, self_training, train-cot, train-pot, compare." in text


def test_a_training_that_diverged_is_named(run: Run, copy: Path) -> None:
    path = copy / "train/history.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[11]["cot_loss"], rows[20]["cot_loss"] = float("inf"), float("nan")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = _text(report_page(run.recipe, copy))
    assert "The training train diverged: its CoT loss is not a finite number, first at step 12." in text
    assert "→ not finite" in text
    assert "diverged" not in report_page(run.recipe, run.root)


def test_the_speed_of_a_resumed_training_is_that_of_its_last_process(run: Run, copy: Path) -> None:
    rows = [{"step": step, "tokens": 100 * step, "cot_loss": 1.0, "pot_loss": 1.0} for step in range(1, 11)]
    (copy / "train/history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    memory = [{"minutes": minutes, "gib": 2.0} for minutes in (0.5, 1.0, 1.5)]  # of the steps 8, 9 and 10
    (copy / "train/log/memory.jsonl").write_text("".join(json.dumps(row) + "\n" for row in memory))
    text = _text(report_page(run.recipe, copy))
    assert "Student of both kinds 10 5,500 31 min 33 s 32 2.0 GiB" in text  # 1,900 tokens in a minute


def test_a_training_of_a_second_has_no_speed(run: Run, copy: Path) -> None:
    (copy / "train/log/memory.jsonl").write_text('{"minutes": 0.001, "gib": 2}\n{"minutes": 0.02, "gib": 2}\n')
    assert re.search(r"Student of both kinds 30 [\d,]+ 31 min 33 s – 2.0 GiB", _text(report_page(run.recipe, copy)))


def test_a_directory_without_a_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="typo has no finished stage; make the run with"):
        write_report(Run(recipe(), tmp_path / "typo"))
    assert not (tmp_path / "typo").exists()


def test_a_student_without_a_right_answer_has_no_headline_on_its_confidence(run: Run, copy: Path) -> None:
    path = copy / "measure/measure.json"
    measured = Measurement.read(path)
    wrong = {name: {row: Accuracy.of([False] * 12) for row in rows} for name, rows in measured.sets.items()}
    measured.model_copy(update={"sets": wrong}).write(path)
    text = _text(report_page(run.recipe, copy))
    assert "0.0 % right answers of the vote on 24 test problems" in text
    assert "calibration error of the confidence" not in text


@pytest.mark.parametrize(("dollars", "shown"), [(0.0011, []), (0.006, ["$0.01"]), (12.5, ["$12.50"])])
def test_a_teacher_for_less_than_a_cent_is_no_headline(dollars: float, shown: list[str], run: Run, copy: Path) -> None:
    (copy / "teacher/log/cost.json").write_text(json.dumps({"dollars": dollars}))
    assert re.findall(r"(\S+) paid for the teacher", _text(report_page(run.recipe, copy))) == shown


def test_commands_of_a_path_with_spaces_are_quoted(run: Run, tmp_path: Path) -> None:
    root = Path(shutil.copytree(run.root, tmp_path / "my run", copy_function=shutil.copy2))
    assert "twinpath serve --model 'my run/export/model'" in _text(report_page(run.recipe, root))


@pytest.mark.parametrize(
    ("files", "gone"),
    [
        ("train/log/watch.jsonl", "Dev problems: Student of both kinds"),
        ("train/log/memory.jsonl", "19.2 GiB"),
        ("train-*/history.jsonl", "Loss: students of one kind"),
    ],
)
def test_a_plot_without_data_is_left_out(files: str, gone: str, run: Run, copy: Path) -> None:
    assert gone in report_page(run.recipe, copy)
    for path in copy.glob(files):
        path.unlink()
    assert gone not in report_page(run.recipe, copy)


def test_accuracies_of_all_sets_count_every_problem_once() -> None:
    sets = {"a": {"vote": Accuracy.of([True] * 3 + [False])}, "b": {"vote": Accuracy.of([False] * 2)}}
    assert pooled(sets) == {"vote": Accuracy.of([True] * 3 + [False] * 3)}


def test_each_measure_has_the_color_of_its_kind() -> None:
    names = ["10 CoT paths", "one PoT path, T = 0", "10 + 10 paths", "MD, vote", "CoT student, vote", "ensemble, vote"]
    assert list(map(kind_of, names)) == ["cot", "pot", "both", "both", "cot", "ensemble"]


def test_dropped_examples_are_grouped_by_reason_in_the_order_of_the_tests() -> None:
    row = DroppedRow(id="p", teacher="t", kind=PathKind.COT, text="Hm.", result="", question="?", answer="1")
    rows = [row.model_copy(update={"result": result}) for result in ("near-duplicate", "unparsed", "near-duplicate")]
    texts = [_text(f"</style>{html}") for html in examples(rows, {"near-duplicate": 1234, "unparsed": 1})]
    assert [re.sub(r" t · p.*", "", text).strip() for text in texts] == [
        "1 Dropped: unparsed 1 shown",
        "1,234 Dropped: near-duplicate 2 shown",
    ]


def test_a_long_text_is_cut_off() -> None:
    assert shortened("x" * MAX_CHARS) == "x" * MAX_CHARS
    assert shortened("x" * 2000) == "x" * MAX_CHARS + "… (2,000 characters)"
