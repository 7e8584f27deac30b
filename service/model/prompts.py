"""Prompts of instruct models: TOML files, chosen by family or setting.

Those of families are in `service/paths/prompts/`. A file of the user has the same keys.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from service.errors import ConfigurationError
from service.faults import fault_texts, near_miss
from service.files import read_toml
from service.model.checkpoint import Checkpoint
from service.model.json_file import read_json_file
from service.paths.chat import QUESTION, TWINPATH, ChatPrompt
from service.printable import one_line

FOLDER = Path(__file__).parents[1] / "paths/prompts"
"""Directory of the prompts of families."""
MAX_FILE_BYTES = 64 * 1024
"""Maximum size of a prompt file."""

_MAX_CHARS = 8000
_MAX_FAULTS = 5
_SUFFIX = ".toml"


def _without_controls(text: str) -> str:
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise PydanticCustomError("predicate", "must have no control characters but line feeds and tabs")
    return text


def _without_question(text: str) -> str:
    if QUESTION in text:
        raise PydanticCustomError("predicate", f"must not have {QUESTION}; only `cot` and `pot` have it")
    return text


def _with_question(text: str) -> str:
    if text.count(QUESTION) != 1:
        raise PydanticCustomError("predicate", f"must have {QUESTION} exactly once")
    return text


_Text = Annotated[str, Field(max_length=_MAX_CHARS), AfterValidator(_without_controls), AfterValidator(str.strip)]
_Wording = Annotated[_Text, AfterValidator(_with_question)]
_Stop = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_without_controls)]
_Stops = Annotated[tuple[_Stop, ...], Field(max_length=16)]
_Family = Annotated[str, Field(min_length=1, max_length=64)]


class PromptFile(BaseModel):
    """Content of a prompt file.

    Args:
        name: name of the prompt.
        cot: user message of a chain of thought, with `{question}` once.
        pot: user message of a program of thought, likewise.
        system: system message. Empty for none.
        cot_stop: strings that end a chain of thought.
        pot_stop: strings that end a program of thought.
        families: model types, architectures or parts of names of the models that have the prompt by default.
        source: origin of the wording.
        note: further remarks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    cot: _Wording
    pot: _Wording
    system: Annotated[_Text, AfterValidator(_without_question)] = ""
    cot_stop: _Stops = ()
    pot_stop: _Stops = ()
    families: Annotated[tuple[_Family, ...], Field(max_length=64)] = ()
    source: _Text = ""
    note: _Text = ""

    @property
    def prompt(self) -> ChatPrompt:
        """The prompt."""
        return ChatPrompt(self.name, self.cot, self.pot, self.system, self.cot_stop, self.pot_stop)


class _ModelConfig(BaseModel):
    """Fields of `config.json` that name the family."""

    model_type: str | None = None
    architectures: list[str] | None = None
    origin: str | None = Field(default=None, alias="_name_or_path")


def prompt_of(checkpoint: Checkpoint, setting: str | None = None) -> ChatPrompt | None:
    """Prompt of an instruct model, or None for another checkpoint.

    Args:
        checkpoint: the checkpoint.
        setting: name or file of the prompt. None is the prompt of the family.

    Raises:
        ConfigurationError: the setting is unknown or invalid, or the checkpoint is not an instruct model.
    """
    if checkpoint.style == "chat":
        return _family_prompt(checkpoint) if setting is None else read_prompt(setting)
    if setting is None:
        return None
    kind = "has the prompts of a student" if checkpoint.style == "v1" else "has no chat template"
    raise ConfigurationError(f"`prompt` is only for instruct models; {checkpoint.name} {kind}. Leave it out.")


def read_prompt(setting: str) -> ChatPrompt:
    """Prompt by its name, or of a file.

    Raises:
        ConfigurationError: the name is unknown, or the file cannot be read or is invalid.
    """
    known = known_prompts()
    if setting in known:
        return known[setting]
    if setting.endswith(_SUFFIX):
        try:
            path = Path(setting).expanduser()
        except RuntimeError:
            raise ConfigurationError(f"The home directory of `prompt` {setting} is not known.") from None
        return read_prompt_file(path).prompt
    meant = near_miss(setting, list(known))
    advice = f"did you mean `{meant}`? Give" if meant else "give"
    raise ConfigurationError(
        one_line(f"`prompt` {setting[:100]!r} is unknown; {advice} a {_SUFFIX} file, or one of {', '.join(known)}.")
    )


def read_prompt_file(path: Path) -> PromptFile:
    """Content of a prompt file.

    Raises:
        ConfigurationError: the file cannot be read or is invalid.
    """
    name = one_line(f"The prompt file {path}")
    content = read_toml(path, name, max_bytes=MAX_FILE_BYTES)
    try:
        return PromptFile.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(list(dict.fromkeys(fault_texts(error, PromptFile, "the file")))[:_MAX_FAULTS])
        raise ConfigurationError(one_line(f"{name} is invalid: {wrong}{'' if wrong.endswith('?') else '.'}")) from None


@cache
def known_prompts() -> Mapping[str, ChatPrompt]:
    """All prompts by name."""
    return {TWINPATH.name: TWINPATH} | {file.name: file.prompt for file in _files()}


@cache
def _files() -> tuple[PromptFile, ...]:
    return tuple(read_prompt_file(path) for path in sorted(FOLDER.glob(f"*{_SUFFIX}")))


def _family_prompt(checkpoint: Checkpoint) -> ChatPrompt:
    """Prompt of the family that fits best. The name counts more than the model it came from, and a longer family more.

    A name whose families the configuration contradicts does not count.
    """
    config = read_json_file(checkpoint.path / "config.json", _ModelConfig) or _ModelConfig()
    types = {word.lower() for word in (config.model_type or "", *(config.architectures or ()))}
    by_type = _longest_first(lambda family: family in types)
    for path in (checkpoint.name, config.origin or ""):
        name = re.sub(r"[\s_]", "-", path.rstrip("/").rpartition("/")[2].lower())  # without organisation or directories
        by_name = _longest_first(partial(_has_word, name))
        if by_name and (not by_type or set(by_name) & set(by_type)):
            return by_name[0].prompt
    return by_type[0].prompt if by_type else TWINPATH


def _longest_first(fits: Callable[[str], bool]) -> list[PromptFile]:
    """Prompts with a family that fits, the longest such family first."""
    found = [(len(family), file) for file in _files() for family in file.families if fits(family)]
    return [file for _, file in sorted(found, key=lambda pair: -pair[0])]


def _has_word(name: str, family: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(family)}(?![a-z0-9])", name) is not None
