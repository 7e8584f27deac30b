"""The ablation of parts of the data."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.evaluation.calibration.samples import Sampled
from service.types import PathKind
from tests.support.samples import sampled
from training.recipe import load
from training.sample.statistics import PairedTest
from training.stages.ablate import ablate, compare, parts, table, without

RECIPE = Path(__file__).parents[3] / "training/recipes/bundled-ablation.toml"
COT, POT = PathKind.COT, PathKind.POT


def test_what_a_recipe_can_do_without() -> None:
    recipe = load(RECIPE)
    files = ["svamp/rationales-eit", "svamp/rationales-codex"]
    assert parts(recipe) == ["gsm8k", "stories", "derived_programs", "numbers", *files]
    assert [source.name for source in without(recipe, "stories").sources] == ["svamp", "gsm8k"]
    assert {source.derived_programs for source in without(recipe, "derived_programs").sources} == {"none"}
    assert without(recipe, "numbers").dataset.augment == 0
    left = [[Path(file).name for file in source.rationales] for source in without(recipe, files[0]).sources]
    assert left == [["rationales-codex.jsonl"], ["rationales-eit.jsonl"], []]
    with pytest.raises(ConfigurationError, match="--without svamp: the recipe has no such part; choose gsm8k, stories"):
        without(recipe, "svamp")


def test_an_ablation_is_paired_with_the_student_that_has_all() -> None:
    def drawn(greedy: str, path: str, pot: str, number: int) -> Sampled:
        return sampled([greedy, path], [pot, pot], number=number)

    samples = {
        "all": [drawn("7", "7", "7", 0), drawn("7", "7", "8", 1), drawn("8", "7", "7", 2)],
        "without numbers": [drawn("8", "8", "7", 0), drawn("8", "7", "8", 1), drawn("7", "7", "7", 2)],
    }
    found = compare(samples, {"all": {COT: 1200, POT: 1100}, "without numbers": {COT: 600, POT: 500}}, 1)
    assert found.students["without numbers"].outcomes["CoT, T = 0"].all_against_it == PairedTest(2, 1, 1.0)
    lines = table(found).splitlines()
    assert lines[0].startswith("| 3 problems | CoT + PoT examples | CoT, T = 0 | PoT, T = 0 | 1 + 1 paths |")
    assert lines[0].endswith("| all CoT paths | all PoT paths |")
    assert lines[2].startswith("| all | 1,200 + 1,100 | 66.7% | 66.7% |")
    assert lines[2].endswith("| 100.0% | 66.7% |")
    assert lines[3].startswith("| without numbers | 600 + 500 | 33.3% (2, 1, 1.00) | 66.7% (0, 0, 1.00) |")
    assert lines[3].endswith("| 66.7% (+33.3 ± 65.3) | 66.7% (+0.0 ± 0.0) |")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [({"max_steps": 0}, "set train.max_steps"), ({"start": "runs/x"}, "train.start learned from every part")],
)
def test_students_that_would_not_be_trained_alike_are_not_compared(
    changes: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    recipe = load(RECIPE)
    with pytest.raises(ConfigurationError, match=complaint):
        ablate(recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)}), tmp_path, [])
