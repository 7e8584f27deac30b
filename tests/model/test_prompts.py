"""Prompt files, and the prompt of a model by its family."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import CheckpointError, ConfigurationError
from service.model import prompts
from service.model.checkpoint import Checkpoint, Style
from service.model.prompts import known_prompts, prompt_of, read_prompt, read_prompt_file
from service.paths.chat import TWINPATH, ChatPrompt

SMALL = "name = 'mine'\ncot = '{question} Why?'\npot = '{question} Code?'\n"


def checkpoint(path: Path, name: str, config: object = None, style: Style = "chat") -> Checkpoint:
    (path / "config.json").write_text(json.dumps(config or {}), encoding="utf-8")
    return Checkpoint(path, name, None, "", style)


def prompt_name(path: Path, name: str, config: object = None) -> str:
    prompt = prompt_of(checkpoint(path, name, config))
    assert prompt is not None
    return prompt.name


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path: Path, content: str | bytes) -> str:
    """Error of a prompt file, without its path."""
    with pytest.raises(ConfigurationError) as raised:
        read_prompt_file(written(path, content))
    text = str(raised.value)
    assert "\n" not in text
    return text.removeprefix(f"The prompt file {path} ")


def test_the_prompts_of_the_families() -> None:
    assert list(known_prompts()) == [
        "twinpath", "deepseek-r1", "gemma", "llama", "mistral", "phi", "qwen-math", "qwen", "smollm", "zero-shot",
    ]  # fmt: skip
    assert known_prompts()["twinpath"] is TWINPATH


@pytest.mark.parametrize("path", sorted(prompts.FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_file_is_named_after_its_prompt_and_gives_its_source(path: Path) -> None:
    file = read_prompt_file(path)
    assert path.name == f"{file.name}.toml"
    assert "cot" in file.source
    assert "pot" in file.source
    assert {*file.families} == {family.lower() for family in file.families}
    assert set(tomllib.loads(path.read_text())) >= {"name", "cot", "pot", "source"}


def test_the_customary_wording_is_that_of_its_source() -> None:
    boxed = "{question}\nPlease reason step by step, and put your final answer within \\boxed{}."
    assert {name for name, prompt in known_prompts().items() if prompt.cot == boxed} == {
        "qwen", "qwen-math", "mistral", "deepseek-r1",
    }  # fmt: skip
    assert known_prompts()["llama"].cot == (
        "Given the following problem, reason and give a final answer to the problem.\nProblem: {question}\n"
        'Your response should end with "The final answer is [answer]" where [answer] is the response to the problem.'
    )


@pytest.mark.parametrize(
    ("name", "config", "prompt"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", {"model_type": "qwen2"}, "qwen"),
        ("models", {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}, "qwen"),
        ("models", {"model_type": "qwen3_moe"}, "qwen"),
        ("Qwen/QwQ-32B", {"model_type": "qwen2"}, "qwen"),
        ("Qwen/Qwen2.5-Math-1.5B-Instruct", {"model_type": "qwen2"}, "qwen-math"),
        ("models", {"model_type": "qwen2", "_name_or_path": "/data/Qwen2.5 Math 7B Instruct"}, "qwen-math"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", {"model_type": "qwen2"}, "deepseek-r1"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", {"model_type": "llama"}, "deepseek-r1"),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", {"model_type": "qwen3"}, "deepseek-r1"),
        ("meta-llama/Llama-3.2-1B-Instruct", {"model_type": "llama"}, "llama"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", {"model_type": "llama"}, "llama"),
        ("meta_llama_3.1", {"model_type": "llama"}, "llama"),
        ("mistralai/Mistral-7B-Instruct-v0.3", {"model_type": "mistral"}, "mistral"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", {"model_type": "mixtral"}, "mistral"),
        ("models", {"model_type": "mistral3"}, "mistral"),
        ("google/gemma-3-1b-it", {"model_type": "gemma3_text"}, "gemma"),
        ("models", {"model_type": "gemma2"}, "gemma"),
        ("microsoft/phi-4", {"model_type": "phi3"}, "phi"),
        ("microsoft/Phi-3.5-mini-instruct", {"model_type": "phi3"}, "phi"),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", {"model_type": "llama"}, "smollm"),
        ("models", {"model_type": "smollm3"}, "smollm"),
        ("meta-llama/Llama-2-7b-chat-hf", {"model_type": "llama"}, "twinpath"),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", {"model_type": "llama"}, "twinpath"),
        ("dolphin-3", {"model_type": "llama"}, "twinpath"),
        ("openai/gpt-oss-20b", {"model_type": "gpt_oss"}, "twinpath"),
        ("models", {"model_type": None, "architectures": None, "_name_or_path": None}, "twinpath"),
        ("models", {}, "twinpath"),
        ("org/llama-33b-chat", {"model_type": "llama"}, "twinpath"),
        ("phi-40b", {"model_type": "falcon"}, "twinpath"),
        ("mistral-lab/Qwen2.5-7B-Instruct", {"model_type": "qwen2"}, "qwen"),
        ("mistral-lab/new-7B", {}, "twinpath"),
        ("models", {"model_type": "qwen2", "_name_or_path": "/home/llama-3/out/Qwen2.5-7B"}, "qwen"),
        ("models", {"model_type": "qwen2", "_name_or_path": "/home/llama-3/"}, "qwen"),
        ("llama-3-rival", {"model_type": "qwen3"}, "qwen"),
        ("llama-3-rival", {"model_type": "qwen2", "_name_or_path": "Qwen/Qwen2.5-Math-7B"}, "qwen-math"),
        ("Mistral-Nemo", {"model_type": "llama", "_name_or_path": "meta/Llama-3"}, "mistral"),
        ("llama3.1-8b", {"model_type": "llama"}, "llama"),
        ("Qwen1.5-7B-Chat", {"model_type": "qwen2"}, "qwen"),
        ("Qwen-7B-Chat", {"model_type": "qwen"}, "qwen"),
    ],
)
def test_a_model_has_the_prompt_of_its_family(name: str, config: object, prompt: str, tmp_path: Path) -> None:
    assert prompt_name(tmp_path, name, config) == prompt


def test_an_architecture_names_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "a.toml", SMALL + "families = ['oddforcausallm']")
    monkeypatch.setattr(prompts, "_files", lambda: (read_prompt_file(tmp_path / "a.toml"),))
    assert prompt_name(tmp_path, "models", {"architectures": ["OddForCausalLM"]}) == "mine"
    assert prompt_name(tmp_path, "models", {"architectures": ["OddForCausalLM2"]}) == "twinpath"


@pytest.mark.parametrize("config", [{"model_type": 5}, {"architectures": "Qwen2"}, {"_name_or_path": []}])
def test_a_configuration_of_wrong_types_is_one_line(config: object, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^\S+/config.json is invalid: `\w+` must be a (text|list)$"):
        prompt_of(checkpoint(tmp_path, "models", config))


def test_the_example_of_the_documentation_is_a_prompt(tmp_path: Path) -> None:
    text = Path("docs/models.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```\n")[0]
    file = read_prompt_file(written(tmp_path / "p.toml", text))
    assert (file.name, file.system) == ("mine", "You are a careful tutor.")
    assert (file.cot_stop, file.pot_stop) == (("Problem:",), ("```output", "Problem:"))
    assert file.cot == known_prompts()["qwen"].cot


def test_the_setting_counts_more_than_the_family(tmp_path: Path) -> None:
    model = checkpoint(tmp_path, "Qwen/Qwen2.5-7B-Instruct")
    assert prompt_of(model, "llama") is known_prompts()["llama"]
    assert prompt_of(model, "twinpath") is TWINPATH
    file = written(tmp_path / "mine.toml", SMALL + "system = 'Be brief.'\npot_stop = ['---']")
    assert prompt_of(model, str(file)) == ChatPrompt(
        "mine", "{question} Why?", "{question} Code?", "Be brief.", pot_stop=("---",)
    )


@pytest.mark.parametrize(
    ("style", "kind"), [("v1", "has the prompts of a student"), ("fewshot", "has no chat template")]
)
def test_other_checkpoints_refuse_a_prompt(style: Style, kind: str, tmp_path: Path) -> None:
    model = checkpoint(tmp_path, "small", style=style)
    assert prompt_of(model) is None
    for setting in ("qwen", "no.toml"):
        with pytest.raises(ConfigurationError) as raised:
            prompt_of(model, setting)
        assert str(raised.value) == f"`prompt` is only for instruct models; small {kind}. Leave it out."


NAMES = "twinpath, deepseek-r1, gemma, llama, mistral, phi, qwen-math, qwen, smollm, zero-shot"


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("qwne", "did you mean `qwen`? Give"),
        ("QWEN", "did you mean `qwen`? Give"),
        ("best", "give"),
        ("a\n\x1b[31m", "give"),
    ],
)
def test_an_unknown_name_is_one_line(setting: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_prompt(setting)
    assert str(raised.value) == f"`prompt` {setting!r} is unknown; {hint} a .toml file, or one of {NAMES}."


def test_a_file_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "mine.toml", SMALL)
    assert read_prompt("~/mine.toml").name == "mine"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_prompt(f"{tmp_path}/none.toml")
    assert str(raised.value) == f"The prompt file {tmp_path}/none.toml cannot be read: No such file or directory."


def test_white_space_around_a_wording_and_the_line_ends_of_windows_are_dropped(tmp_path: Path) -> None:
    content = "\ufeffname = 'w'\r\ncot = '''\r\n{question}\r\n\tWhy?\r\n'''\r\npot = '\t{question} '\r\n"
    file = read_prompt_file(written(tmp_path / "w.toml", content))
    assert (file.cot, file.pot) == ("{question}\n\tWhy?", "{question}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is invalid: `name` is missing; `cot` is missing; `pot` is missing."),
        (SMALL.replace("{question} Why?", "Why?"), "is invalid: `cot` must have {question} exactly once."),
        (SMALL.replace("Code?", "{question}"), "is invalid: `pot` must have {question} exactly once."),
        (SMALL + "system = '{question}'",
         "is invalid: `system` must not have {question}; only `cot` and `pot` have it."),
        (SMALL + 'system = "a\\u001b[31m"',
         "is invalid: `system` must have no control characters but line feeds and tabs."),
        (SMALL + 'pot_stop = ["a\\u0000"]',
         "is invalid: `pot_stop.0` must have no control characters but line feeds and tabs."),
        (SMALL.replace("mine", "a b"), "is invalid: `name` must match the pattern ^[A-Za-z0-9][A-Za-z0-9._-]*$."),
        (SMALL.replace("mine", "a" * 65), "is invalid: `name` must be a text of at most 64 characters."),
        (SMALL.replace("'{question} Why?'", "5"), "is invalid: `cot` must be a text of at most 8000 characters."),
        (SMALL.replace("'{question} Why?'", "['{question}']"),
         "is invalid: `cot` must be a text of at most 8000 characters."),
        (SMALL.replace("Why?", "w" * 8000), "is invalid: `cot` must be a text of at most 8000 characters."),
        (SMALL + "cot_stop = 'end'", "is invalid: `cot_stop` must be a list of at most 16 items."),
        (SMALL + "cot_stop = ['']", "is invalid: `cot_stop.0` must be a text of 1 to 64 characters."),
        (SMALL + "pot_stop = [1]", "is invalid: `pot_stop.0` must be a text of 1 to 64 characters."),
        (SMALL + f"pot_stop = {['x'] * 17}", "is invalid: `pot_stop` must be a list of at most 16 items."),
        (SMALL + "famlies = []", "is invalid: `famlies` is an unknown field; did you mean `families`?"),
        (SMALL + '"a\\nb" = 1', "is invalid: `a b` is an unknown field."),
        ("".join(f"k{n} = 1\n" for n in range(9)) + SMALL,
         "is invalid: " + "; ".join(f"`k{n}` is an unknown field" for n in range(5)) + "."),
        ("cot = ", "cannot be read: Invalid value (at end of document)."),
        (b"cot = '\xff'", "cannot be read: byte 8 is not UTF-8 text."),
        (b"a = " + b"[" * 60_000, "cannot be read: its values are nested too deeply."),
        (SMALL + "#" * 65_536, "cannot be read: it is larger than 65536 bytes."),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line(content: str | bytes, reason: str, tmp_path: Path) -> None:
    assert message(tmp_path / "p.toml", content) == reason


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_a_file_of_another_kind_is_one_line(path: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_prompt_file(Path(path))
    assert "\n" not in str(raised.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("{question}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["name", "cot", "pot", "system", "cot_stop", "pot_stop", "families", "source", "note"]
) | st.text(max_size=5)
_TOML = st.dictionaries(_KEYS, _VALUES, max_size=9).map(
    lambda table: "".join(f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in table.items()).encode(
        "utf-8", "surrogatepass"
    )
)


@given(_TOML | st.binary(max_size=200))
def test_any_file_is_a_prompt_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp() / "any.toml", content)
    fault = fault_of(path)
    assert fault.isprintable()
    assert fault.startswith(f"The prompt file {path} ") or not fault


def fault_of(path: Path) -> str:
    """Error of a prompt file, or empty for one whose question stands where it must."""
    try:
        file = read_prompt_file(path)
    except ConfigurationError as error:
        return str(error)
    return "" if (file.cot + file.pot).count("{question}") == 2 and "{question}" not in file.system else "misread"
