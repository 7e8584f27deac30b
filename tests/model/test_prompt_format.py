import json
import logging
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from service.errors import CheckpointError
from service.model import chat_template
from service.model.checkpoint import read_checkpoint
from service.model.prompt_format import prompt_format
from service.model.tokenizer_files import load_tokenizer
from service.paths.base import PathFormat
from service.paths.chat import TWINPATH
from service.types import PathKind
from tests.support.qwen3 import QWEN3_TEMPLATE, QWEN3_TOKENS

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


def prompt(model: Path, template: str, name: str | None = None) -> str:
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    return prompt_format(read_checkpoint(model, "m"), name).prompt(PathKind.COT, QUESTION)


ROLES = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>"
ASSISTANT = "You are a helpful assistant."
MESSAGE = f"{QUESTION}\nPlease reason step by step, and put your final answer within \\boxed{{}}."


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (ROLES, f"<system>{ASSISTANT}<user>{MESSAGE}<assistant>"),
        # refused, as by Gemma 2 and Mistral 7B v0.1
        ("{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + ROLES,
         f"<user>{ASSISTANT}\n\n{MESSAGE}<assistant>"),
        # left out
        (ROLES.replace("messages %}", "messages if message.role == 'user' %}"),
         f"<user>{ASSISTANT}\n\n{MESSAGE}<assistant>"),
        # its own message is left out beside another one, and so is that one
        ("{% if messages[0].role == 'user' %}<own>{% endif %}" + ROLES.replace("messages %}", "messages if message.role == 'user' %}"),
         f"<own><user>{ASSISTANT}\n\n{MESSAGE}<assistant>"),
        # changed: then each prompt is rendered
        (ROLES.replace("content", "content | replace('\n', ' ')"),
         f"<system>{ASSISTANT}<user>{MESSAGE}<assistant>".replace("\n", " ")),
    ],
)  # fmt: skip
def test_a_system_message_comes_before_the_question_where_the_template_has_no_such_role(
    chat_model: Path, template: str, text: str
) -> None:
    assert prompt(chat_model, template, "qwen-math") == text


def test_a_broken_template_is_refused_with_a_system_message_too(chat_model: Path) -> None:
    with pytest.raises(CheckpointError, match=r"the chat template fails: No user may speak$"):
        prompt(chat_model, "{{ raise_exception('No user may speak') }}", "qwen-math")


def test_the_wording_of_a_file_is_rendered_and_its_stop_strings_count(chat_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("name = 'mine'\ncot = 'Solve: {question}'\npot = '{question}'\npot_stop = ['---']\n")
    assert prompt(chat_model, ROLES, str(file)) == f"<user>Solve: {QUESTION}<assistant>"
    path_format = prompt_format(read_checkpoint(chat_model, "m"), str(file))
    assert [path_format.stop(kind) for kind in PathKind] == [(), ("---",)]


@pytest.mark.parametrize("variable", ["enable_thinking", "thinking"])
def test_thinking_is_switched_off(chat_model: Path, variable: str, caplog: pytest.LogCaptureFixture) -> None:
    text = prompt(chat_model, SWITCHED.replace("VARIABLE", variable))
    assert text.startswith(f"<|user|>{QUESTION}\n\n")
    assert text.endswith("<|assistant|>\n<think>\n\n</think>\n\n")
    assert not caplog.records


def format_of(model: Path, template: str, **settings: object) -> PathFormat:
    fields = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template} | settings
    (model / "tokenizer_config.json").write_text(json.dumps(fields))
    return prompt_format(read_checkpoint(model, "m"))


THINK = ("<think>", "</think>")
EFFORT = "{% if reasoning_effort == 'none' %}[off]{% else %}[{{ reasoning_effort }}]{% endif %}"
GPT_OSS = (
    "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}{{ reasoning_effort }}"
)
CLEANED = (  # removes earlier thoughts by both tags
    "{{% for m in messages %}}{{% if m.role == 'assistant' %}}"
    "{{{{ m.content.split('<think>')[0] ~ m.content.split('</think>')[-1] }}}}{{% else %}}{{{{ m.content }}}}{{% endif %}}"
    "{{% endfor %}}{{% if add_generation_prompt %}}{}{{% endif %}}"
)
SYSTEM = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"


@pytest.mark.parametrize(
    ("template", "modes", "delimiters", "off", "on"),
    [
        (TURNS, (False,), None, "<|assistant|>", None),
        (
            SWITCHED.replace("VARIABLE", "enable_thinking"),
            (False, True),
            THINK,
            "<think>\n\n</think>\n\n",
            "<|assistant|>\n",
        ),
        (SWITCHED.replace("VARIABLE", "thinking"), (False, True), THINK, "<think>\n\n</think>\n\n", "<|assistant|>\n"),
        (TURNS + "<think>\n", (True,), THINK, None, "<think>"),
        # Earlier turns are cleaned, which is copied into templates of models that never think.
        (TURNS + "{# message.content.split('</think>')[-1] #}", None, THINK, "<|assistant|>\n", "|>\n"),
        (TURNS + "{# message.content.split('<think>')[0] #}", None, THINK, "<|assistant|>\n", "<|assistant|>\n"),
        (CLEANED.format("<|assistant|>"), None, THINK, "<|assistant|>", "<|assistant|>"),
        (
            CLEANED.format("{% if no %}{% else %}<|assistant|>{% if mode %}<think></think>{% endif %}{% endif %}"),
            (True,),
            THINK,
            "<|assistant|>",
            "<|assistant|>",
        ),
        ("Think in <think> tags." + TURNS, (True,), THINK, None, "<|assistant|>"),
        # It raises for one mode.
        (
            TURNS + "{% if enable_thinking %}{{ raise_exception('no thoughts') }}{% endif %}",
            (False,),
            None,
            "|>\n",
            "|>\n",
        ),
        (
            TURNS + "{% if not thinking %}{{ raise_exception('no answer without') }}{% endif %}<think>",
            (True,),
            THINK,
            "<think>",
            "<think>",
        ),
        (TURNS + "{{ strftime_now('%S.%f') }}", (False,), None, None, None),
        (TURNS + "{{ strftime_now('%S.%f') }}{{ enable_thinking }}", (False, True), None, "False", "True"),
        (TURNS + "{% if thinking %}{% endif %}", (False,), None, "<|assistant|>\n", None),
        (TURNS + EFFORT, (False, True), None, "[off]", "[high]"),
        (TURNS + GPT_OSS, (True,), None, None, "medium"),
    ],
)
def test_the_thoughts_of_a_model_are_read_from_its_template(
    template: str,
    modes: tuple[bool, ...] | None,
    delimiters: tuple[str, str] | None,
    off: str | None,
    on: str | None,
    chat_model: Path,
) -> None:
    found = format_of(chat_model, template)
    assert (found.thoughts.modes, found.thoughts.delimiters) == (modes or (False, True), delimiters)
    assert (found.thoughts.is_known, found.thoughts.leftovers) == (modes is not None, None)
    for thinking, end in ((False, off), (True, on)):
        if end is not None:
            assert found.prompt(PathKind.COT, QUESTION, thinking=thinking).endswith(end)


@pytest.mark.parametrize(
    ("named", "off", "on"),
    [("detailed thinking", "detailed thinking off", "detailed thinking on"), ("/no_think", "/no_think", "/think")],
)
def test_a_line_of_the_system_message_switches_thinking(named: str, off: str, on: str, chat_model: Path) -> None:
    found = format_of(chat_model, f"{SYSTEM}{{# {named} #}}<|assistant|>")
    assert found.thoughts.modes == (False, True)
    for thinking, line in ((False, off), (True, on)):
        assert found.prompt(PathKind.COT, QUESTION, thinking=thinking).startswith(
            f"<|system|>{line}\n<|user|>{QUESTION}"
        )


NEMOTRON = (  # as Llama-Nemotron Super 1.5: it removes the line
    "{% set on = true %}{% set text = '' %}{% if messages[0].role == 'system' %}{% set text = messages[0].content %}"
    "{% if '/no_think' in text %}{% set text = text.replace('/no_think', '') | trim %}{% set on = false %}"
    "{% elif '/think' in text %}{% set text = text.replace('/think', '') | trim %}{% endif %}{% endif %}"
    "<system>{{ text }}{% for message in messages if message.role == 'user' %}<user>{{ message.content }}{% endfor %}"
    "<assistant>{% if not on %}<think>\n\n</think>\n\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "name", "modes", "off", "on"),
    [
        (NEMOTRON, "twinpath", (False, True), "<system><user>{}<assistant><think>\n\n</think>\n\n",
         "<system><user>{}<assistant>"),
        (NEMOTRON, "qwen-math", (False, True),
         f"<system>{ASSISTANT}<user>{{}}<assistant><think>\n\n</think>\n\n", f"<system>{ASSISTANT}<user>{{}}<assistant>"),
        # it takes the line, and leaves any other text out
        (NEMOTRON.replace("{{ text }}", ""), "qwen-math", (False, True),
         f"<system><user>{ASSISTANT}\n\n{{}}<assistant><think>\n\n</think>\n\n",
         f"<system><user>{ASSISTANT}\n\n{{}}<assistant>"),
        # it refuses or leaves out a system message, so that no line switches it
        ("{% if messages[0].role == 'system' %}{{ raise_exception('/no_think') }}{% endif %}" + ROLES, "qwen-math", (False,),
         f"<user>{ASSISTANT}\n\n{{}}<assistant>", f"<user>{ASSISTANT}\n\n{{}}<assistant>"),
        ("{# /no_think #}" + ROLES.replace("messages %}", "messages if message.role == 'user' %}"), "qwen-math", (False,),
         f"<user>{ASSISTANT}\n\n{{}}<assistant>", f"<user>{ASSISTANT}\n\n{{}}<assistant>"),
    ],
)  # fmt: skip
def test_the_line_of_a_switch_is_never_in_the_question(
    template: str, name: str, modes: tuple[bool, ...], off: str, on: str, chat_model: Path
) -> None:
    prompt(chat_model, template)
    found = prompt_format(read_checkpoint(chat_model, "m"), name)
    assert found.thoughts.modes == modes
    message = MESSAGE if name == "qwen-math" else TWINPATH.message(PathKind.COT, QUESTION)
    for thinking, text in ((False, off), (True, on)):
        assert found.prompt(PathKind.COT, QUESTION, thinking=thinking) == text.format(message)


def test_special_tokens_that_delimit_thoughts_are_kept(chat_model: Path) -> None:
    template = TURNS + "[THINK]"
    tokens = {"1": {"content": "[THINK]", "special": True}, "2": {"content": "[INST]", "special": True}}
    thoughts = format_of(chat_model, template, added_tokens_decoder=tokens, eos_token="</s>").thoughts
    assert (thoughts.modes, thoughts.delimiters) == ((True,), ("[THINK]", "[/THINK]"))
    assert thoughts.cleaned("a[/THINK]b[INST]</s>") == "a[/THINK]b"


@pytest.mark.parametrize("thinking", [False, True])
def test_prompts_are_those_of_the_template_to_the_character(thinking: bool, chat_model: Path) -> None:
    found = format_of(chat_model, QWEN3_TEMPLATE, added_tokens_decoder=QWEN3_TOKENS, eos_token="<|im_end|>")
    tokenizer = load_tokenizer(chat_model)
    assert (found.thoughts.modes, found.thoughts.delimiters) == ((False, True), THINK)
    for kind in PathKind:
        message = TWINPATH.message(kind, QUESTION)
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}], tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        assert found.prompt(kind, QUESTION, thinking=thinking) == rendered
        opening = f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n"
        assert rendered == opening + ("" if thinking else "<think>\n\n</think>\n\n")


def test_a_template_without_the_variable_is_unchanged(chat_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert prompt(chat_model, TURNS).endswith("<|assistant|>")  # Jinja drops the last line feed
    assert not caplog.records


def test_a_model_that_always_thinks_is_reported(chat_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert prompt(chat_model, TURNS + "<think>\n").endswith("<|assistant|>\n<think>")
    assert [record.getMessage() for record in caplog.records] == [
        "m thinks before each answer, so most paths need a larger `max_tokens`"
    ]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for %}", "the chat template fails: Expected an expression, got 'end of statement block'"),
        ("{{ raise_exception('No user may speak') }}", "the chat template fails: No user may speak"),
        ("{{ messages[0].content.nothing.more }}", "the chat template fails: "),
        ("<|assistant|>", "the chat template leaves the message out."),
        ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(1) }}", "the chat template fails: maximum recursion depth"),
    ],
)
def test_a_broken_template_is_refused_at_the_start(chat_model: Path, template: str, reason: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        prompt(chat_model, template)
    assert str(raised.value).startswith(f"{chat_model}: {reason}")
    assert "\n" not in str(raised.value)


def test_a_template_that_loops_is_refused_at_the_start(chat_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "RENDER_TIMEOUT_S", 0.5)
    loop = "{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}"
    with pytest.raises(CheckpointError, match=r"the chat template takes longer than 0\.5 s for a short message"):
        prompt(chat_model, loop + TURNS)


def test_code_of_a_checkpoint_never_runs(chat_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    (chat_model / "hostile.py").write_text("import pathlib; pathlib.Path('ran').touch()\nclass Hostile: pass\n")
    settings = {"tokenizer_class": "Hostile", "auto_map": {"AutoTokenizer": ["hostile.Hostile", None]}}
    (chat_model / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": TURNS}))
    (chat_model / "config.json").write_text(json.dumps({"auto_map": {"AutoConfig": "hostile.Hostile"}}))
    monkeypatch.chdir(chat_model)
    with pytest.raises(CheckpointError) as raised:
        prompt_format(read_checkpoint(chat_model, "m"))
    assert str(raised.value) == (
        f"{chat_model}: the tokenizer cannot be loaded: it needs Python code of the model, which is never run"
    )
    assert not (chat_model / "ran").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"model": 5}', '{"version": "1.0", "model": {"type": "No"}}'])
def test_a_damaged_tokenizer_is_refused_at_the_start(chat_model: Path, content: str) -> None:
    (chat_model / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError) as raised:
        prompt(chat_model, TURNS)
    assert str(raised.value).startswith(str(chat_model))
    assert "\n" not in str(raised.value)
