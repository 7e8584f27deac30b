import json
import logging
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from service.model.checkpoint import read_checkpoint
from service.model.prompt_format import prompt_format
from service.types import PathKind

TURNS = "{% for message in messages %}<|user|>{{ message.content }}\n{% endfor %}<|assistant|>\n"
SWITCHED = TURNS + "{% if VARIABLE is defined and VARIABLE is false %}<think>\n\n</think>\n\n{% endif %}"
QUESTION = "How many pens?"

pytestmark = pytest.mark.slow  # transformers takes over ten seconds to import


@pytest.fixture
def chat_model(tmp_path: Path) -> Path:
    """Directory of a chat model without weights and without a template."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_tokens(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def prompt(model: Path, template: str) -> str:
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    return prompt_format(read_checkpoint(model, "m")).prompt(PathKind.COT, QUESTION)


@pytest.mark.parametrize("variable", ["enable_thinking", "thinking"])
def test_thinking_is_switched_off(chat_model: Path, variable: str, caplog: pytest.LogCaptureFixture) -> None:
    text = prompt(chat_model, SWITCHED.replace("VARIABLE", variable))
    assert text.startswith(f"<|user|>{QUESTION}\n\n")
    assert text.endswith("<|assistant|>\n<think>\n\n</think>\n\n")
    assert not caplog.records


def test_a_template_without_the_variable_is_unchanged(chat_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert prompt(chat_model, TURNS).endswith("<|assistant|>")  # Jinja drops the last line feed
    assert not caplog.records


def test_a_model_that_always_thinks_is_reported(chat_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert prompt(chat_model, TURNS + "<think>\n").endswith("<|assistant|>\n<think>")
    assert [record.getMessage() for record in caplog.records] == [
        "m thinks before each answer, so most paths need a larger `max_tokens`"
    ]
