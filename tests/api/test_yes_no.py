"""Yes/no questions through the routes: one vote for every notation, and answers that read yes or no."""

from typing import Any

import pytest

from service.sandbox.base import Value
from service.sandbox.fake import FakeSandbox
from service.solve.calibration import Calibration
from service.types import PathKind
from tests.conftest import Serve
from tests.support.engines import TurnEngine, cot, ok, playing

CAR = "Could 7 adults ride in a car with 5 seats?"
PROGRAMS: dict[str, Value] = {
    "ans = 7 <= 5": False,
    "ans = 'No'": "No",
    "ans = 'yes'": "yes",
    "ans = str(7 > 5)": "True",
    "ans = 7 - 5": 2,
}
SANDBOX = FakeSandbox({program: ok(value) for program, value in PROGRAMS.items()})
NO = ["7 adults need 7 seats, and 7 > 5. The answer is no", "The answer is **No**.", "So the answer is False"]


def body(**fields: object) -> dict[str, object]:
    return {"problem": CAR, "policy": "fixed"} | fields


async def test_every_notation_of_no_is_one_vote(serve: Serve) -> None:
    client = await serve(playing(NO, ["ans = 7 <= 5", "ans = 'No'"]), SANDBOX)
    solved = (await client.post("/solve", json=body(paths={"cot": 3, "pot": 2}))).json()
    assert (solved["answer"], solved["value"], solved["status"]) == ("no", None, "answered")
    assert solved["votes"] == [{"answer": "no", "cot": 3, "pot": 2}]
    assert solved["explanation"]["cot"]["text"] == NO[0]
    assert solved["explanation"]["program"] == {"path": 1, "code": "ans = 7 <= 5", "output": "no"}
    assert solved["explanation"]["left_out"] == []


async def test_a_number_is_no_vote_for_yes(serve: Serve) -> None:
    client = await serve(playing([cot("Yes")], ["ans = 7 - 5", "ans = str(7 > 5)", "ans = 'yes'"]), SANDBOX)
    solved = (await client.post("/solve", json=body(paths={"cot": 1, "pot": 3}))).json()
    assert solved["votes"] == [{"answer": "yes", "cot": 1, "pot": 2}, {"answer": "2", "cot": 0, "pot": 1}]


@pytest.mark.parametrize(("cots", "pots", "leader"), [("ny", "yn", "no"), ("yn", "nn", "no"), ("nnn", "yyy", "no")])
async def test_a_tie_goes_to_both_kinds_and_then_to_the_first_path(
    serve: Serve, cots: str, pots: str, leader: str
) -> None:
    words = {"y": "yes", "n": "no"}
    programs = {"y": "ans = 'yes'", "n": "ans = 'No'"}
    client = await serve(playing([cot(words[vote]) for vote in cots], [programs[vote] for vote in pots]), SANDBOX)
    solved = (await client.post("/solve", json=body(paths={"cot": len(cots), "pot": len(pots)}))).json()
    assert solved["answer"] == leader
    assert solved["verdict"] == ("torn" if (cots + pots).count("y") * 2 == len(cots + pots) else "unsure")


async def test_a_program_that_leaves_out_the_numbers_does_not_lower_the_confidence(serve: Serve) -> None:
    """Only an answer that is computed must rest on the numbers of the problem."""
    shifted = Calibration(confidence_map=((0.0, 0.5), (1.0, 0.5)), all_numbers_shift=1.0, left_out_shift=-1.0)
    client = await serve(playing([cot("no")], ["ans = 'No'"]), SANDBOX, calibration=shifted)
    solved = (await client.post("/solve", json=body(paths={"cot": 1, "pot": 1}))).json()
    assert (solved["confidence"], solved["explanation"]["left_out"]) == (0.5, [])


@pytest.mark.parametrize(
    ("response", "expected", "verdict", "given"),
    [
        ("No", "no", "correct", "no"),
        ("No, there are only 5 seats.", "False", "correct", "no"),
        ("true", "Yes", "correct", "yes"),
        ("Yes", "no", "incorrect", "yes"),
        ("5 < 7. The answer is no", "yes", "incorrect", "no"),
        ("It can be yes or no", "no", "undecided", None),
        ("Yes or no", "no", "undecided", None),
    ],
)
async def test_a_response_is_graded_by_the_expected_yes_or_no(
    serve: Serve, response: str, expected: str, verdict: str, given: str | None
) -> None:
    client = await serve(TurnEngine([]), SANDBOX)
    graded = (await client.post("/grade", json={"problem": CAR, "response": response, "expected": expected})).json()
    assert (graded["verdict"], graded["given"]) == (verdict, given)


async def test_a_response_is_graded_by_the_vote_on_yes_or_no(serve: Serve) -> None:
    client = await serve(playing(NO, ["ans = 7 <= 5"]), SANDBOX)
    graded = (await client.post("/grade", json={"problem": CAR, "response": "Yes, they could."})).json()
    assert (graded["verdict"], graded["answer"], graded["given"]) == ("incorrect", "no", "yes")


async def test_a_chat_answers_with_the_rationale(serve: Serve) -> None:
    client = await serve(playing(NO, ["ans = 7 <= 5"]), SANDBOX)
    reply = await client.post(
        "/v1/chat/completions", json={"model": "twinpath", "messages": [{"role": "user", "content": CAR}]}
    )
    choice = reply.json()["choices"][0]
    assert choice["message"]["content"] == NO[0]
    assert choice["twinpath"]["answer"] == "no"


@pytest.mark.parametrize(
    ("learned", "paths", "sampled"),
    [
        ((PathKind.COT,), None, {"cot": 20}),
        ((PathKind.COT,), 7, {"cot": 7}),
        ((PathKind.COT,), {"cot": 2, "pot": 1}, {"cot": 3}),
        ((PathKind.POT,), {"cot": 2, "pot": 1}, {"pot": 3}),
        ((PathKind.COT,), {"cot": 0, "pot": 2}, {"pot": 2}),  # programs only, as asked
        (tuple(PathKind), {"cot": 2, "pot": 1}, {"cot": 2, "pot": 1}),
    ],
)
async def test_a_checkpoint_of_one_kind_samples_only_that_kind(
    serve: Serve, learned: tuple[PathKind, ...], paths: Any, sampled: dict[str, int]
) -> None:
    client = await serve(playing([cot("no")], ["ans = 'No'"]), SANDBOX, kinds=learned)
    asked = body(trace=True) | ({} if paths is None else {"paths": paths})
    solved = (await client.post("/solve", json=asked)).json()
    assert solved["paths"]["planned"] == sum(sampled.values())
    kinds = [path["kind"] for path in solved["trace"]]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == sampled
