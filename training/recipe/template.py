"""Starter recipe: a valid TOML file with every key."""

import json
import textwrap
from collections.abc import Iterable

from training.recipe.reference import Key, sections

_WIDTH = 118
_HEAD = (
    "Starter recipe: every key, with its default unless the comment names another one. `your choice` marks the keys "
    "without a default. You can leave out all others, and every table in which you change nothing."
)


def starter() -> str:
    """Recipe with every key at its default, or at an example value where a run needs another one."""
    lines = list(_comment(_HEAD))
    for section in sections():
        if section.name:
            lines += ["", *_comment(section.summary), section.heading]
        for key in section.keys:
            value = key.default if key.example is None else key.example
            lines += [*_comment(_meaning(key)), f"{key.name} = {_toml(value)}"]
    return "\n".join(lines) + "\n"


def _meaning(key: Key) -> str:
    """Meaning, unit and valid values of a key, and its default if the starter has another value."""
    notes = [key.unit] if key.unit and key.unit.split()[0] not in key.meaning else []
    if key.choices and not all(f"`{choice}`" in key.meaning for choice in key.choices):
        notes.append(" or ".join(json.dumps(choice) for choice in key.choices))
    if key.example is not None:
        notes.append("your choice" if key.required else f"default: {_toml(key.default)}")
    return key.meaning + (f" ({'; '.join(notes)})" if notes else "")


def _comment(text: str) -> Iterable[str]:
    return (f"# {line}" for line in textwrap.wrap(text, _WIDTH))


def _toml(value: object) -> str:
    """Value in TOML. Texts, numbers and lists of them are written as in JSON, and the only table is empty."""
    return json.dumps(value)
