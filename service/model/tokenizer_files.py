"""Tokenizer files: schemas of the fields in use, and a loader."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from service.errors import CheckpointError
from service.model.json_file import read_json_file

_MAX_REASON_CHARS = 200


class Token(BaseModel):
    """Token with its properties. `content` is its text."""

    model_config = ConfigDict(frozen=True)

    content: str
    special: bool = False


class TokenizerSettings(BaseModel):
    """Content of `tokenizer_config.json`. Unknown fields are kept, because special tokens have many names.

    Args:
        bos_token: beginning-of-sequence token.
        chat_template: Jinja template of a conversation, or several by name.
        added_tokens_decoder: added tokens, by id.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    bos_token: Token | str | None = None
    chat_template: str | list[object] | dict[str, object] | None = None
    added_tokens_decoder: dict[str, Token] | None = None

    @property
    def bos(self) -> str:
        """Beginning-of-sequence token as text, empty if there is none."""
        return self.bos_token.content if isinstance(self.bos_token, Token) else self.bos_token or ""

    def named_tokens(self) -> list[object]:
        """Values of the fields that name one token, such as `eos_token`. Some of them are not text."""
        values = [value for name, value in (self.model_extra or {}).items() if name.endswith("_token")]
        return [self.bos, *(value.get("content") if isinstance(value, dict) else value for value in values)]


class TokenizerFile(BaseModel):
    """Content of `tokenizer.json`. Only its added tokens are read."""

    model_config = ConfigDict(frozen=True)

    added_tokens: list[Token] | None = None


def read_tokenizer_settings(directory: Path) -> TokenizerSettings:
    """Read `tokenizer_config.json` of a model directory. Without the file, all fields are empty.

    Raises:
        CheckpointError: the file is invalid.
    """
    return read_json_file(directory / "tokenizer_config.json", TokenizerSettings) or TokenizerSettings()


def special_tokens(directory: Path, settings: TokenizerSettings) -> frozenset[str]:
    """Special tokens in the files of a tokenizer, as text.

    They are in the settings by name, in the list of added tokens of the settings, or in `tokenizer.json`.

    Args:
        directory: model directory.
        settings: content of its `tokenizer_config.json`.

    Raises:
        CheckpointError: `tokenizer.json` is invalid.
    """
    file = read_json_file(directory / "tokenizer.json", TokenizerFile) or TokenizerFile()
    added = [*(settings.added_tokens_decoder or {}).values(), *(file.added_tokens or ())]
    found = [*settings.named_tokens(), *(token.content for token in added if token.special)]
    return frozenset(token for token in found if isinstance(token, str) and token.strip())


def load_tokenizer(model: str | Path) -> Any:
    """Load the tokenizer of a model by transformers. Python code of the model is never run.

    Args:
        model: model directory, or Hugging Face name.

    Raises:
        CheckpointError: transformers cannot load it.
    """
    from transformers import AutoTokenizer  # takes seconds

    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except Exception as error:  # damaged files raise many exceptions, also those of other libraries
        raise CheckpointError(f"{model}: the tokenizer cannot be loaded: {reason_of(error)}") from None


def reason_of(error: Exception) -> str:
    """Short reason on one line, from an exception of transformers or of a template."""
    if "trust_remote_code" in str(error):
        return "it needs Python code of the model, which is never run"
    return " ".join(str(error).split())[:_MAX_REASON_CHARS] or type(error).__name__
