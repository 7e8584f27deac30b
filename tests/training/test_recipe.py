"""Recipes: invalid keys, and the shipped files."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from tests.support.training_recipes import recipe_text, write_recipe
from training.recipe import load

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[train]\nlambda = 0.5", "`train.lambda` is an unknown field"),
        ("[train]\ncot_weight = 1.5", "`train.cot_weight` must be a number from 0 to 1"),
        ("[train]\nkinds = []", "train.kinds must name cot, pot or both"),
        ("[train]\nadapter = 'full'\nstart = 'x'", 'train.start needs train.adapter = "lora"'),
        ("[train]\nadapter = 'full'\n[self_training]\nstart = 'student'", 'self_training.start = "student" needs'),
        ("[train]\nstart = 'x'\n[compare]\nenabled = true", "train.start and compare.enabled exclude each other"),
        ("[calibrate]\nenabled = false", "measure.enabled needs calibrate.enabled"),
        ("[train", "is not valid TOML"),
        ("[[sources]]\nname = 'tiny'\nproblems = 'x'", "two sources have the same name"),
        ("[[sources]]\nname = 't'\nproblems = 'x'\nteacher = true", "the recipe has no [teacher]"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write_recipe(tmp_path, recipe_text("b", "d") + line))
    assert complaint in str(raised.value)


@pytest.mark.parametrize("path", sorted((ROOT / "training/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    names = {
        "bundled": "llama-3-gemma-270m",
        "bundled-ablation": "llama-3-gemma-270m-ablation",
        "claims": "llama-3-gemma-270m-claims",
    }
    recipe = load(path)
    assert recipe.name == names.get(path.stem, path.stem)
    for source in recipe.sources:
        for file in (source.problems, source.templates):
            if file.startswith("data/"):
                assert (ROOT / file).is_file()
