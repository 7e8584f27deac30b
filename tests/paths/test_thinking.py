import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.paths.base import Thoughts
from service.paths.cot import parse_cot, parse_rationale
from service.paths.pot import extract_program, find_program
from service.paths.thinking import (
    DELIMITERS,
    Split,
    delimiters_in,
    estimated_thought_chars,
    leftovers,
    opens_thought,
    split_thinking,
)
from service.types import Thinking


@pytest.mark.parametrize(
    ("thought", "answer"),
    [
        ("", "She has 13."),
        ("<think>\na\n</think>", "\n\nb"),
        ("a\n</think>", "b"),
        ("<think></think>", "b"),
        ("<THINK>a</THINK>", "b"),
        ("<thinking>a</thinking>", "b"),
        ("<thought>a</thought>", "b"),
        ("<think>a</thought>", "b"),
        ("<reasoning>a</reasoning>", "<answer>b</answer>"),
        ("<seed:think>a</seed:think>", "b"),
        ("<longcat_think>a</longcat_think>", "b"),
        ("< think >a</ think >", "b"),
        ("◁think▷a◁/think▷", "b"),
        ("[THINK]a[/THINK]", "b"),
        ("<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>", "b<|end_of_solution|>"),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>", "b"),
        ("<|inner_prefix|>a<|inner_suffix|>", "b"),
        ("<|channel>thought\na<channel|>", "b"),
        ("<unused94>thought\na<unused95>", "b"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>", "b<|return|>"),
        ("analysisWe need a.assistantfinal", "b"),
        ("analysis\nWe need a.assistantcommentary a assistantfinal", "b"),
        ("<think>a</think>b<think>c</think>", "d"),
        ("<think>a <think> b</think>", "c"),
        ("<think>I quote `</think>` here</think>", "b"),
        ("Sure.\n<think>a</think>", "b"),
        ("", "I do not use <think> tags. b"),
        ("", "I answered without <think>. b"),
        ("", "text = '<think>'\nans = 3"),
        ("", "print('Open <think> first')\nans = 3"),
        ("", "Analysis: 4 + 9 = 13. b"),
        ("", "[Analysis]\n4 + 9 = 13\n[Answer]\n13"),
        ("<think>a</think>", ""),
    ],
)
def test_the_answer_is_the_text_after_the_last_thought(thought: str, answer: str) -> None:
    assert split_thinking(thought + answer) == Split(thought, answer)


@pytest.mark.parametrize(
    "text",
    [
        "<think>a",
        "Sure. <think>a",
        "Sure, <think>a",
        "<think>a</reasoning>b",
        "<think>a</think>b<think>c",
        "<|channel|>analysis<|message|>The answer is 9",
        "<|channel|>analysis<|message|>a<|end|>The answer is 9",
        "analysisWe need 9",
        "◁think▷a",
        "[THINK]a",
        "<|START_THINKING|>a",
        "<think>a\n<answer>9</answer>",
    ],
)
@pytest.mark.parametrize("complete", [False, True, None])
def test_an_unterminated_thought_has_no_answer(text: str, complete: bool | None) -> None:
    assert split_thinking(text) == Split(text, "", unterminated=True)
    path = parse_cot(text + ". The answer is 9.\n", complete=complete)
    assert (path.answer, path.stated, path.detail) == (None, None, "the thought does not end")
    assert extract_program(text + "\n```python\nans = 9\n```") is None


def test_the_thought_may_begin_in_the_prompt() -> None:
    assert split_thinking("The answer is 9", opened=True).unterminated
    assert split_thinking("a</think>b", opened=True) == Split("a</think>", "b")
    assert parse_rationale(split_thinking("Maybe the answer is 9\n", opened=True)).answer is None
    assert find_program(split_thinking("ans = 9", opened=True).answer) is None


@pytest.mark.parametrize(
    ("prompt", "opens"),
    [("a<think>\n", True), ("a<think>", True), ("a[THINK]", True), ("a<think>\n\n</think>\n\n", False), ("a", False),
     ("What is <think>? Answer:", False), ("", False)],
)  # fmt: skip
def test_prompts_that_open_a_thought(prompt: str, opens: bool) -> None:
    assert opens_thought(prompt) is opens


def test_nothing_in_a_thought_votes_runs_or_is_repaired() -> None:
    thought = "<think>\nWhat if 4 * 3 = 13? The answer is 9.\n```python\nans = 9\n```\n</think>\n"
    path = parse_cot(thought + "13 - 5 = 8. The answer is 8", complete=True)
    assert path.answer is not None
    assert (path.answer.text, path.repaired, path.text) == ("8", False, thought + "13 - 5 = 8. The answer is 8")
    repaired = parse_cot(thought + "13 - 5 = 7. The answer is 7")
    assert repaired.text == thought + "13 - 5 = 8. The answer is 8"
    assert extract_program(thought + "```python\nans = 4 + 9\n```") == "ans = 4 + 9"
    assert extract_program(thought) is None


@pytest.mark.parametrize(("opening", "closing"), DELIMITERS)
def test_an_engine_can_end_a_thought_by_its_delimiters(opening: str, closing: str) -> None:
    assert opens_thought(f"a{opening}")
    assert split_thinking(f"{opening}a{closing}b") == Split(f"{opening}a{closing}", "b")
    assert split_thinking(f"a{closing}b", opened=True) == Split(f"a{closing}", "b")
    assert delimiters_in(f"{{% if x %}}{opening}{{% endif %}}") == (opening, closing)
    assert delimiters_in(f"{{{{ content.split('{closing}')[-1] }}}}") == (opening, closing)


def test_a_template_without_a_thought_has_no_delimiters() -> None:
    assert delimiters_in("{{ messages }}<|channel|>final") is None


@pytest.mark.parametrize(
    ("tokens", "text", "cleaned"),
    [
        ({"[THINK]", "[/THINK]", "<s>", "</s>", "[INST]"}, "[THINK]a[/THINK]b</s><s>[INST]", "[THINK]a[/THINK]b"),
        ({"<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END|>"},
         "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END|>", "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b"),
        ({"<think>"}, "<think>a", "<think>a"),
    ],
)  # fmt: skip
def test_special_tokens_beside_the_delimiters_are_removed(tokens: set[str], text: str, cleaned: str) -> None:
    assert Thoughts(leftovers=leftovers(tokens)).cleaned(text) == cleaned


@pytest.mark.parametrize("tokens", [set(), {"<s>", "</s>"}, {"<|im_start|>", "<|channel|>", "<|message|>"}])
def test_an_engine_removes_special_tokens_that_delimit_no_thought(tokens: set[str]) -> None:
    assert leftovers(tokens) is None
    assert Thoughts().cleaned("<s>a") == "<s>a"


@pytest.mark.parametrize(
    ("modes", "asked", "mode"),
    [
        ((False,), "auto", False), ((False,), "off", False), ((False,), "on", "the model does not think"),
        ((True,), "auto", True), ((True,), "off", "the model always thinks"), ((True,), "on", True),
        ((False, True), "auto", False), ((False, True), "off", False), ((False, True), "on", True),
    ],
)  # fmt: skip
def test_a_model_thinks_as_it_is_asked_if_it_can(modes: tuple[bool, ...], asked: str, mode: bool | str) -> None:
    thoughts = Thoughts(modes)
    if isinstance(mode, bool):
        assert thoughts.mode(Thinking(asked)) is mode
    else:
        with pytest.raises(ValueError, match=f"^{mode}$"):
            thoughts.mode(Thinking(asked))


@pytest.mark.parametrize(
    ("text", "opened", "chars"),
    [("", False, 0), ("b", False, 0), ("<think>a", False, 8), (" <think>a</think>b", False, 17), ("a", True, 1),
     ("a</think>b", True, 9), ("a</think>b", False, 9)],
)  # fmt: skip
def test_a_fast_estimate_of_the_thought(text: str, opened: bool, chars: int) -> None:
    assert estimated_thought_chars(text, ("<think>", "</think>"), opened=opened) == chars
    if text != "a" or opened:
        assert len(split_thinking(text, opened=opened).thought) == chars


_PIECES = st.sampled_from(
    ["<think>", "</think>", "<|channel|>", "analysis", "final", "<|message|>", "assistantfinal", "[THINK]", "◁think▷",
     "<", "/", ">", "|", "`", " tag", "\n", "a", "The answer is 5.", "<reasoning>", "</thought>"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=30).map("".join), st.booleans())
def test_the_parts_are_the_text(text: str, opened: bool) -> None:
    split = split_thinking(text, opened=opened)
    assert split.thought + split.answer == split.text == text
    assert not (split.unterminated and split.answer)


@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "<", "< ", "<a:", "<|channel|>analysis", "[THINK]a[/THINK] ", "assistantfinal", "\n",
     "<think ", "word <think> "],
)  # fmt: skip
def test_work_is_linear(piece: str) -> None:
    def seconds(count: int) -> float:
        text = "analysis" + piece * (count // len(piece))
        start = time.process_time()
        split_thinking(text)
        return time.process_time() - start

    assert seconds(400_000) < 20 * seconds(50_000) + 0.05


def test_thousands_of_delimiters_are_a_thought_without_an_end() -> None:
    assert split_thinking("<think>a</think>" * 5_000 + "b").answer == "b"
    text = "<think>a</think>" * 5_001 + "b"
    assert split_thinking(text) == Split(text, "", unterminated=True)


def test_a_thought_of_32k_tokens_takes_little_time_to_read() -> None:
    line = "Let me see: 12 + 7 = 19, so 19 pens [Analysis]. Wait, is x < 5? The answer is 9. ans = 9\n"
    thought = f"<think>{line * (130_000 // len(line))}</think>\n"
    times = []
    for _ in range(2):
        start = time.process_time()
        path = parse_cot(f"{thought}3 * 7 = 21. The answer is 21", complete=True)
        program = extract_program(f"{thought}```python\nans = 21\n```")
        times.append(time.process_time() - start)
        assert path.answer is not None
        assert (path.answer.text, program) == ("21", "ans = 21")
    assert min(times) < 0.1


@pytest.mark.parametrize("piece", ["<think>", "</think>", "[THINK]a[/THINK]", "<reasoning>a"])
def test_many_delimiters_take_little_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    times = []
    for _ in range(2):
        start = time.process_time()
        split_thinking(text)
        times.append(time.process_time() - start)
    assert min(times) < 0.1
