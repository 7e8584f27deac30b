"""Prompts of instruct models: the question in its place, and the digest of the wording."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.paths.chat import QUESTION, TWINPATH, ChatFormat, ChatPrompt
from service.types import PathKind

PROMPT = ChatPrompt(
    "boxed", "{question}\nBox it: \\boxed{}.", "Program for {question}:", "Be brief.", ("Q:",), ("```output",)
)


def test_a_kind_has_its_wording() -> None:
    assert PROMPT.message(PathKind.COT, "How many?") == "How many?\nBox it: \\boxed{}."
    assert PROMPT.message(PathKind.POT, "How many?") == "Program for How many?:"


@given(st.text() | st.lists(st.sampled_from([QUESTION, "{", "}", "\\1", "{0}", "%s"])).map("".join))
def test_a_question_is_text_with_any_characters(question: str) -> None:
    assert PROMPT.message(PathKind.COT, question) == question + "\nBox it: \\boxed{}."


def test_a_format_renders_the_wording() -> None:
    prompts = ChatFormat(lambda message: f"<user>{message}<model>", PROMPT)
    assert (prompts.name, prompts.stop(PathKind.COT), prompts.stop(PathKind.POT)) == ("boxed", ("Q:",), ("```output",))
    assert prompts.prompt(PathKind.POT, "2 + 2?") == "<user>Program for 2 + 2?:<model>"
    assert ChatFormat(str).name == "twinpath"


def test_the_digest_depends_on_the_wording_but_not_on_the_name() -> None:
    assert replace(PROMPT, name="other").digest == PROMPT.digest
    changed = [
        replace(PROMPT, cot="{question}"),
        replace(PROMPT, pot="{question}"),
        replace(PROMPT, system=""),
        replace(PROMPT, cot_stop=()),
        replace(PROMPT, pot_stop=()),
        replace(PROMPT, cot_stop=PROMPT.pot_stop, pot_stop=PROMPT.cot_stop),
        replace(PROMPT, cot=PROMPT.pot, pot=PROMPT.cot),
        TWINPATH,
    ]
    assert len({PROMPT.digest, *(prompt.digest for prompt in changed)}) == 9
    assert TWINPATH.digest[:8] == "d683bad3"
