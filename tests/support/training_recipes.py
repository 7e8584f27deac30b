"""A small recipe for tests of single stages."""

from pathlib import Path

_RECIPE = """
name = "tiny"
[student]
model = "{base}"
[[sources]]
name = "tiny"
problems = "{data}/problems.jsonl"
rationales = ["{data}/rationales.jsonl"]
dev = 4
test = 4
"""


def recipe_text(base: object, data: object) -> str:
    """Text of a recipe for the base model `base` and the files in the directory `data`."""
    return _RECIPE.format(base=base, data=data)


def write_recipe(directory: Path, text: str) -> Path:
    """Write `recipe.toml` into a directory."""
    path = directory / "recipe.toml"
    path.write_text(text)
    return path
