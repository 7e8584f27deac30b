"""Plain words for validation errors: every type of error, near misses, and no word of Pydantic."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from service.errors import InputError
from service.faults import faults, near_miss
from service.schemas import SolveRequest
from service.schemas.batch import GRADE, SOLVE, BatchRow, GradeRow
from service.schemas.grade import GradeRequest
from service.schemas.openai_errors import invalid
from service.schemas.openai_request import ChatRequest, CompletionRequest

SEED = "must be a whole number from 0 to 9223372036854775807."
PATHS = '`paths` must be a whole number from 1 to 128, or an object such as {"cot": 10, "pot": 10}.'
FIELDS = "`fixed`, `lossless` or `adaptive`"


def sentences(model: type[BaseModel], value: object) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(value)
    return [fault.sentence() for fault in faults(raised.value.errors(), model)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"problem": None}, "`problem` must be a text that is not empty."),
        ({"problem": [1]}, "`problem` must be a text that is not empty."),
        ({"problem": " "}, "`problem` must be a text that is not empty."),
        ({"problem": "a\x9b"}, "`problem` must not contain control characters, but has U+009B at position 1."),
        ({"problem": "a\x00"}, "`problem` must not contain control characters, but has U+0000 at position 1."),
        ({"problem": "\ud800"}, "`problem` must be valid Unicode, without lone surrogates."),
        ({"paths": [1]}, PATHS),
        ({"paths": "20"}, PATHS),
        ({"paths": True}, PATHS),
        ({"paths": 0}, PATHS),
        ({"paths": 129}, PATHS),
        ({"paths": {"cot": 0, "pot": 0}}, "`paths` selects no path; set cot or pot."),
        ({"paths": {"cot": 1.5}}, "`paths.cot` must be a whole number from 0 to 64."),
        ({"paths": {"pot": 10**400}}, "`paths.pot` must be a whole number from 0 to 64."),
        ({"policy": "FIXED"}, f"`policy` must be {FIELDS}."),
        ({"policy": [1]}, f"`policy` must be {FIELDS}."),
        ({"temperature": 3}, "`temperature` must be a number from 0 to 2."),
        ({"temperature": "hot"}, "`temperature` must be a number from 0 to 2."),
        ({"temperature": float("nan")}, "`temperature` must be a number from 0 to 2."),
        ({"temperature": 10**400}, "`temperature` must be a number from 0 to 2."),
        ({"deadline_s": 0}, "`deadline_s` must be a number above 0 and up to 3600."),
        ({"seed": 2**63}, f"`seed` {SEED}"),
        ({"seed": 7.5}, f"`seed` {SEED}"),
        ({"min_confidence": None}, "`min_confidence` must be a number from 0 to 1."),
        ({"trace": "yes"}, "`trace` must be true or false."),
        ({"answer": 51}, "`answer` is an unknown field."),
        ({"n": 3}, "`n` is an unknown field; did you mean `paths`?"),
        ({"timeout": 3}, "`timeout` is an unknown field; did you mean `deadline_s`?"),
        ({"Top-P": 3}, "`Top-P` is an unknown field; did you mean `top_p`?"),
        ({"top_q": 3}, "`top_q` is an unknown field."),
        ({"sede": 3}, "`sede` is an unknown field; did you mean `seed`?"),
        ({"paths": {"chain_of_thought": 3}}, "`paths.chain_of_thought` is an unknown field; did you mean `paths.cot`?"),
    ],
)
def test_every_type_of_error_has_plain_words(fields: dict[str, object], said: str) -> None:
    assert sentences(SolveRequest, {"problem": "Why?"} | fields) == [said]


class _Points(BaseModel):
    points: tuple[tuple[float, Annotated[float, Field(ge=0, le=1)]], ...]


def test_items_of_a_fixed_list_have_their_own_words() -> None:
    assert sentences(_Points, {"points": [[0, 0.5], [1, 2]]}) == ["`points.1.1` must be a number from 0 to 1."]
    assert sentences(_Points, {"points": [5]}) == ["`points.0` must be a list of 2 items."]


@pytest.mark.parametrize("value", [[1], "Why?", 5, None])
def test_an_input_that_is_no_object_gets_an_example(value: object) -> None:
    example = '{"problem": "A pen costs 3 dollars. How much do 7 pens cost?"}'
    assert sentences(SolveRequest, value) == [f"The body must be an object such as {example}."]


def test_a_near_miss_of_a_missing_field_is_the_only_fault() -> None:
    assert sentences(SolveRequest, {"question": "Why?"}) == ["`question` is an unknown field; did you mean `problem`?"]
    assert sentences(SolveRequest, {"words": "Why?"}) == ["`problem` is missing.", "`words` is an unknown field."]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("probem", "problem"), ("PROBLEM ", "problem"), ("prompt", "problem"), ("samples", "paths"), ("path", "paths"),
     ("tempature", "temperature"), ("confidence", "min_confidence"), ("answer", None), ("", None), ("x" * 10**6, None)],
)  # fmt: skip
def test_near_misses(name: str, meant: str | None) -> None:
    assert near_miss(name, list(SolveRequest.model_fields)) == meant


def test_a_synonym_counts_only_for_a_known_field() -> None:
    assert near_miss("n", ["problem", "cot"]) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": 3}, "Invalid 'temperature': must be a number from 0 to 2."),
        ({"stop": [""]}, "Invalid 'stop[0]': must be a text that is not empty."),
        ({"stop": 5}, "Invalid 'stop': must be a text that is not empty, or a list of at most 16 items."),
        ({"messages": []}, "Invalid 'messages': must be a list of 1 to 1000 items."),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]},
         "Invalid 'messages[0].content[0].type': must be `text`."),
        ({"tools": [1]}, "Twinpath does not support 'tools': must be an empty list."),
        ({"logit_bias": {"a": 1}}, "Twinpath does not support 'logit_bias': must be an empty object."),
        ({"presence_penalty": 1}, "Twinpath does not support 'presence_penalty': must be 0."),
        ({"logprobs": True}, "Twinpath does not support 'logprobs': must be false."),
        ({"twinpath": {"polcy": 1}},
         "Unrecognized request argument supplied: twinpath.polcy; did you mean 'twinpath.policy'?"),
        ({"twinpath": {"paths": "2"}}, f"Invalid 'twinpath.paths': {PATHS.removeprefix('`paths` ')}"),
        ({"n_predict": 4}, "Twinpath does not support 'n_predict': must be -1."),
        ({"mirostat": 1}, "Twinpath does not support 'mirostat': must be 0."),
        ({"top_n_sigma": 4}, "Twinpath does not support 'top_n_sigma': must be -1, or 0."),
        ({"top_kk": 4}, "Unrecognized request argument supplied: top_kk; did you mean 'top_k'?"),
        (
            {"samplers": ["top_a"]},
            "Twinpath does not support 'samplers': must be an empty list, or "
            '["dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"].',
        ),
        ({"chat_template_kwargs": {"a": 1}}, "Unrecognized request argument supplied: chat_template_kwargs.a"),
        ({"vllm_xargs": {"a": 1}}, "Twinpath does not support 'vllm_xargs': must be an empty object."),
        ({"model": "x" * 501}, "Invalid 'model': must be a text of at most 500 characters."),
    ],
)  # fmt: skip
def test_openai_errors_have_the_same_reasons(fields: dict[str, object], message: str) -> None:
    whole = {"model": "twinpath", "messages": [{"role": "user", "content": "Why?"}]} | fields
    with pytest.raises(ValidationError) as raised:
        ChatRequest.model_validate(whole)
    assert invalid(raised.value.errors(), ChatRequest).error.message == message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"response": [1]}, "`response` must be a text of at most 20000 characters, or a number."),
        ({"expected": [1]}, "`expected` must be a text of at most 400 characters, or a number."),
        ({"gold": "5"}, "`gold` is an unknown field; did you mean `expected`?"),
        ({"paths": "5"}, PATHS),
    ],
)
def test_grading_has_the_same_words(fields: dict[str, object], said: str) -> None:
    assert sentences(GradeRequest, {"problem": "Why?", "response": "5"} | fields) == [said]


def test_a_missing_parameter_of_openai_is_named() -> None:
    with pytest.raises(ValidationError) as raised:
        CompletionRequest.model_validate({"model": "twinpath"})
    assert invalid(raised.value.errors(), CompletionRequest).error.message == "Missing required parameter: 'prompt'."


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ({"probem": "Why?"}, "probem", "`probem` is an unknown field; did you mean `problem`?"),
        ({"id": "a", "text": "Why?"}, "text", "`text` is an unknown field; did you mean `problem`?"),
        ({"id": "a", "words": "Why?"}, "problem", "`problem` is missing."),
        ({"question": "Why?", "paths": [1]}, "paths", PATHS),
    ],
)
def test_rows_of_a_batch_have_the_same_words(row: dict[str, object], field: str, said: str) -> None:
    result = SOLVE.parse_line((1, json.dumps(row).encode()), 1000)
    assert isinstance(result, BatchRow)
    assert result.error is not None
    assert (result.error.detail, result.error.errors[0].field) == (said, field)


def test_a_near_miss_of_a_graded_row_is_named() -> None:
    result = GRADE.parse_line((1, b'{"question": "Why?", "student_answer": 5, "answer": 6}'), 1000)
    assert isinstance(result, GradeRow)
    assert result.error is not None
    assert result.error.detail == "`student_answer` is an unknown field; did you mean `response`?"


def test_the_client_has_the_same_words() -> None:
    with pytest.raises(InputError) as raised:
        SolveRequest.checked(problem="Why?", timeout=3)
    assert (str(raised.value), raised.value.field) == (
        "`timeout` is an unknown field; did you mean `deadline_s`?",
        "timeout",
    )


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
names = st.sampled_from(
    [*GradeRequest.model_fields, *ChatRequest.model_fields, "prompt", "cot", "role", "content", "type", "text"]
)
bodies = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
) | st.dictionaries(names, values, max_size=6)


@given(bodies, st.sampled_from([SolveRequest, GradeRequest, ChatRequest, CompletionRequest]))
def test_no_message_has_words_of_pydantic(body: Any, model: type[BaseModel]) -> None:
    try:
        model.model_validate(body)
    except ValidationError as error:
        entries = error.errors()
        said = [fault.sentence() for fault in faults(entries, model)]
        said.append(invalid(entries, model).error.message)
        for entry, text in [(entry, text) for entry in entries if entry["type"] != "predicate" for text in said]:
            assert entry["msg"] not in text
        for word in (
            "Input should",
            "Value error",
            "Field required",
            "valid dictionary",
            "validation",
            "another value",
        ):
            assert not any(word in text for text in said)
        assert all(text.endswith((".", "?")) for text in said[:-1])
