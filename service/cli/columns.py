"""Columns of a table, by an option or by a usual name."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from service.errors import ConfigurationError
from service.printable import one_line

_SHOWN_NAMES = 20
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Role:
    """Text that a command reads from each row.

    Args:
        name: name of the field in a row of JSON Lines, and first word of the option `--NAME-column`.
        usual: usual names of the column in normal form, the first one preferred.
        aliases: other names of the field in a row of JSON Lines.
        is_required: whether a table without such a column is an error.
        is_label: whether a second column with a usual name is harmless, because results do not depend on it.
    """

    name: str
    usual: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    is_required: bool = True
    is_label: bool = False

    @property
    def option(self) -> str:
        """Option that names the column."""
        return f"--{self.name}-column"


_ANSWER = "answer"
_RESULT = {_ANSWER, "verdict", "confidence"}  # columns of `twinpath solve --output F.csv`
_GOLD = (
    "expected", "expected answer", "correct answer", "correct", "answer key", "key", "gold", "gold answer",
    "right answer", "reference", "solution", "answer",
)  # fmt: skip
PROBLEM = Role(
    "problem",
    ("problem", "word problem", "question", "problem text", "question text", "text", "prompt", "exercise", "task"),
    ("question",),
)
ID = Role("id", ("id", "nr", "no", "number", "index", ""), is_required=False, is_label=True)
RESPONSE = Role(
    "response",
    (
        "response", "given", "given answer", "student answer", "students answer", "student response", "pupil answer",
        "pupils answer", "pupil response", "learner answer", "users answer", "user answer", "submission", "submitted",
        "submitted answer", "reply",
    ),
)  # fmt: skip
EXPECTED = Role("expected", _GOLD, is_required=False)
ANSWER = Role("answer", ("answer", *_GOLD[:-1]))


def matched_columns(
    place: str, header: Sequence[str], roles: Sequence[Role], chosen: Mapping[str, str]
) -> dict[str, int]:
    """Index of the column of each role. An optional role without a column is left out.

    Args:
        place: name of the file, for errors.
        header: names of the columns.
        roles: the texts that the command reads.
        chosen: column names from the options, by the name of the role.

    Raises:
        ConfigurationError: a column is missing, or several columns fit. The error lists the columns and the option.
    """
    is_ours = has_our_answers(header)
    found = {role.name: _chosen(place, header, role, chosen[role.name]) for role in roles if role.name in chosen}
    for role in roles:
        if role.name not in found:
            usual = [name for name in role.usual if not (is_ours and name == _ANSWER)]
            index = _guessed(place, header, role, usual, taken=set(found.values()))
            if index is not None:
                found[role.name] = index
    return {role.name: found[role.name] for role in roles if role.name in found}


def has_our_answers(header: Sequence[str]) -> bool:
    """Whether the column `answer` is that of a file of results, so that it holds answers of a model."""
    forms = {normal_form(name) for name in header}
    return forms >= _RESULT and f"twinpath {_ANSWER}" not in forms


def columns_line(columns: Mapping[str, str]) -> str:
    """Line about the columns in use, or an empty string without any. Control characters are replaced."""
    pairs = (f"{name} = {_shortened(one_line(column))}" for name, column in columns.items())
    return f"Columns: {', '.join(pairs)}" if columns else ""


def normal_form(name: str) -> str:
    """Name in lower case, with single spaces and without other characters than letters and digits."""
    without_apostrophes = name.casefold().replace("'", "").replace("’", "")
    return " ".join("".join(c if c.isalnum() else " " for c in without_apostrophes).split())


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Clause with the most similar name, or an empty string."""
    by_form = {normal_form(known): known for known in names}
    close = difflib.get_close_matches(normal_form(name), by_form, n=1)
    return f"; did you mean {by_form[close[0]]!r}?" if close else "."


def _chosen(place: str, header: Sequence[str], role: Role, name: str) -> int:
    exact = [i for i, column in enumerate(header) if column == name]
    similar = [i for i, column in enumerate(header) if normal_form(column) == normal_form(name)]
    fitting = exact or similar
    if not fitting:
        raise ConfigurationError(
            f"{role.option}: {place} has no column {name!r}{did_you_mean(name, header)} Its columns: {_listed(header)}."
        )
    if len(fitting) > 1:
        raise ConfigurationError(
            f"{role.option}: {place} has {len(fitting)} columns {name!r}. Rename all but one of them."
        )
    return fitting[0]


def _guessed(place: str, header: Sequence[str], role: Role, usual: Sequence[str], taken: set[int]) -> int | None:
    forms = [normal_form(column) for column in header]
    free = [i for i, column in enumerate(header) if column.strip() and i not in taken]
    fitting = [i for name in usual for i in free if forms[i] == name]
    named_so = [i for i in fitting if forms[i] == role.name]
    if len(fitting) == 1 or (fitting and role.is_label):
        return fitting[0]
    if len(named_so) == 1:
        return named_so[0]
    if fitting:
        several = _listed([header[i] for i in fitting])
        raise ConfigurationError(
            f"{place} has more than one column for the {role.name}: {several}. Name the right one with {role.option}."
        )
    if role.is_required:
        raise ConfigurationError(
            f"{place} has no column with a usual name for the {role.name}. Its columns: {_listed(header)}. "
            f"Name the right one with {role.option}. The first row must hold the names of the columns."
        )
    return None


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(repr(_shortened(name)) for name in names[:_SHOWN_NAMES]) + more


def _shortened(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARS else f"{name[:_SHOWN_CHARS]}…"
