"""Recipes: invalid keys, and the shipped files."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from tests.support.training_recipes import recipe_text, write_recipe
from training.data.public.sets import PUBLIC_SETS
from training.recipe import load

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[train]\nlam = 0.5", "`train.lam` is an unknown field; did you mean `train.cot_weight`?"),
        ("[trian]\nlr = 1e-4", "`trian` is an unknown field; did you mean `train`?"),
        ("[train]\ncot_weight = 1.5", "`train.cot_weight` must be a number from 0 to 1"),
        ("[train]\nkinds = []", "train.kinds must name cot, pot or both"),
        ("[train]\nkinds = ['cot']\ncot_weight = 0", "train.cot_weight = 0 gives all of train.kinds no weight"),
        ("[train]\nkinds = ['pot']\ncot_weight = 1", "train.cot_weight = 1 gives all of train.kinds no weight"),
        (
            "[train]\nkinds = ['cot']\n[compare]\nenabled = true",
            "compare.enabled needs both kinds in train.kinds and a",
        ),
        ("[train]\ncot_weight = 1\n[compare]\nenabled = true", "train.cot_weight between 0 and 1"),
        ("[train]\nadapter = 'full'\nstart = 'x'", 'train.start needs train.adapter = "lora"'),
        ("[train]\nadapter = 'full'\n[self_training]\nstart = 'student'", 'self_training.start = "student" needs'),
        ("[train]\nstart = 'x'\n[compare]\nenabled = true", "train.start and compare.enabled exclude each other"),
        ("[calibrate]\nenabled = false", "measure.enabled needs calibrate.enabled"),
        ("[train", "recipe.toml cannot be read: "),
        ("[[sources]]\nname = 'tiny'\nproblems = 'x'", "two sources have the same name"),
        ("[[sources]]\nname = 't'\nproblems = 'x'\nteacher = true", "the recipe has no [teacher]"),
        ("[[sources]]\nname = 't'\nproblems = 'scripted:x'", "problems = 'scripted:x' must hold a number"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write_recipe(tmp_path, recipe_text("b", "d") + line))
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[train]\nlr = " + "[" * 100_000, "the recipe {} cannot be read: its values are nested too deeply."),
        ("x = " + "1" * 5000, "the recipe {} cannot be read: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits."),
        ("[train]\nlr = inf", "{} is not a valid recipe:\n  `train.lr` must be a number above 0"),
        ("[train]\nlr = nan", "{} is not a valid recipe:\n  `train.lr` must be a number above 0"),
        ("[train]\n" + ".".join("a" * 2000) + " = 1", "{} is not a valid recipe:\n  `train.a` is an unknown field"),
    ],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_an_odd_recipe_is_refused_in_words(tmp_path: Path, line: str, complaint: str) -> None:
    path = write_recipe(tmp_path, recipe_text("b", "d") + line)
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    assert str(raised.value) == complaint.format(path)


def test_a_recipe_of_another_encoding_is_refused_and_one_with_a_mark_is_read(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, "")
    path.write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ConfigurationError, match=r"the recipe .* cannot be read: byte 12 is not UTF-8 text\."):
        load(path)
    path.write_text("\ufeff" + recipe_text("b", "d").replace("\n", "\r\n"), encoding="utf-8")
    assert load(path).name == "tiny"
    with pytest.raises(ConfigurationError, match=r"the recipe .* cannot be read: Is a directory\."):
        load(tmp_path)


def test_a_random_student_of_an_unknown_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write_recipe(tmp_path, recipe_text("random:gpt", "d")))
    families = "llama, codellama, mistral, qwen2, qwen3, gemma3"
    assert f"model = 'random:gpt' has an unknown family; choose one of {families}" in str(raised.value)


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1" * 50])
def test_a_seed_that_no_library_takes_is_refused(tmp_path: Path, seed: str) -> None:
    with pytest.raises(ConfigurationError, match="`seed` must be a whole number from 0 to 4294967295"):
        load(write_recipe(tmp_path, f"seed = {seed}\n{recipe_text('b', 'd')}"))


@pytest.mark.parametrize("path", sorted((ROOT / "training/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    names = {
        "bundled": "llama-3-gemma-270m",
        "bundled-ablation": "llama-3-gemma-270m-ablation",
        "claims": "llama-3-gemma-270m-claims",
        "strategyqa-270m": "llama-3-gemma-270m-strategyqa",
    }
    recipe = load(path)
    assert recipe.name == names.get(path.stem, path.stem)
    for source in recipe.sources:
        for file in (source.problems, source.templates, *source.rationales):
            if file.startswith("data/public/"):
                assert _is_written_by_train_data(file), file
            elif file.startswith(("data/", "examples/")):
                assert (ROOT / file).is_file(), file


def _is_written_by_train_data(file: str) -> bool:
    """Whether `twinpath train data` writes a file: a split of a public set, or its rationales."""
    *_, name, file_name = Path(file).parts
    known = PUBLIC_SETS[name]
    return file_name in [f"{split}.jsonl" for split in known.rows] + [source.file_name for source in known.rationales]
