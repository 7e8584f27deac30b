"""Recipes of the package."""

from pathlib import Path

RECIPES = Path(__file__).parents[1] / "recipes"


def shipped() -> dict[Path, str]:
    """First sentence of each shipped recipe's opening comment, by file."""
    return {path: _first_sentence(path.read_text(encoding="utf-8")) for path in sorted(RECIPES.glob("*.toml"))}


def recipe_file(named: Path) -> Path:
    """File of a recipe: the path itself, or the shipped recipe of that name if there is no such file."""
    file = RECIPES / f"{named.name.removesuffix('.toml')}.toml"
    return file if named.parent == Path() and file.is_file() and not named.exists() else named


def listing(here: Path) -> str:
    """Table of the shipped recipes. Paths are relative to the directory `here` if they lie below it."""
    rows = {str(_near(path, here)): sentence for path, sentence in shipped().items()}
    width = max(map(len, rows))
    return "\n".join(f"{path:{width}}  {sentence}" for path, sentence in rows.items())


def _near(path: Path, here: Path) -> Path:
    return path.relative_to(here) if path.is_relative_to(here) else path


def _first_sentence(text: str) -> str:
    comment = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).partition(". ")[0].removesuffix(".")
