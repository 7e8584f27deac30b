"""Routes `POST /grade` and `POST /grade/batch`."""

import json
import logging
from typing import Any

import pytest

from service.errors import EngineDeadError
from service.settings import Settings
from tests.conftest import Serve
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, playing, pot

PASTRIES = "Baker sold 68 cakes and 92 pastries. How many more pastries than cakes did he sell?"
LINES = {"Content-Type": "application/x-ndjson"}


def body(response: object, **fields: object) -> dict[str, object]:
    return {"problem": PASTRIES, "response": response} | fields


async def test_a_response_is_graded_by_a_vote(serve: Serve) -> None:
    client = await serve(playing([cot(24)], [pot(24)]), computing_sandbox())
    response = await client.post("/grade", json=body("92 - 68 = 26, so 26 more"), headers={"X-Request-ID": "r"})
    assert response.json() == {
        "verdict": "incorrect",
        "answer": "24",
        "given": "26",
        "basis": "vote",
        "confidence": 0.9688,
        "calibrated": False,
        "steps": [{"text": "92 - 68 = 26", "holds": False, "should_be": "24"}],
        "reason": None,
        "id": "r",
        "model": "demo",
    }
    assert (await client.post("/grade", json=body("24 pastries"))).json()["verdict"] == "correct"
    text = (await client.get("/metrics")).text
    assert 'twinpath_grades_total{basis="vote",verdict="incorrect"} 1.0' in text
    assert 'twinpath_grades_total{basis="vote",verdict="correct"} 1.0' in text


@pytest.mark.parametrize("expected", ["", " \n", None])
async def test_a_blank_expected_answer_grades_by_a_vote(serve: Serve, expected: str | None) -> None:
    client = await serve(playing([cot(24)], [pot(24)]), computing_sandbox())
    graded = (await client.post("/grade", json=body("24", expected=expected))).json()
    assert (graded["basis"], graded["verdict"]) == ("vote", "correct")


async def test_the_options_of_the_vote_are_those_of_solve(serve: Serve) -> None:
    engine = TurnEngine([cot(24), cot(26)])
    client = await serve(engine, computing_sandbox())
    options = {"paths": {"cot": 2, "pot": 0}, "policy": "fixed", "temperature": 0.1, "max_tokens": 9, "seed": 5}
    response = await client.post("/grade", json=body("24", **options))
    assert response.json()["reason"] == "The model is torn between several answers."
    assert [(one.temperature, one.max_tokens) for _, _, one in engine.sampled] == [(0.1, 9)] * 2


async def test_the_seed_depends_on_the_problem_only(serve: Serve) -> None:
    engine = TurnEngine([cot(24)])
    client = await serve(engine, computing_sandbox())
    for response, problem in (("24", PASTRIES), ("25", PASTRIES), ("24", PASTRIES + " Really?")):
        await client.post("/grade", json=body(response, problem=problem, paths={"cot": 1, "pot": 0}))
    seeds = [sampling.seed for _, _, sampling in engine.sampled]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize(
    ("response", "expected", "verdict", "given"),
    [
        ("26", "24", "incorrect", "26"),
        (26, 26.0, "correct", "26"),
        ("", "24", "undecided", None),
        (None, "24", "undecided", None),
        ("  \n", "24", "undecided", None),
        ("<think>24</think>26", "26", "correct", "26"),
        ("x" * 20_000, "26", "undecided", None),
    ],
)
async def test_an_expected_answer_needs_no_engine(
    serve: Serve, response: object, expected: object, verdict: str, given: str | None
) -> None:
    engine = TurnEngine([])
    components = fake_components(engine, settings=Settings(max_num_seqs=4, max_queue=0))
    client = await serve(components=components)
    grant = await components.admission.enter(4, 1.0)
    assert grant is not None
    with grant:  # the engine is busy, and the queue is full
        graded = await client.post("/grade", json=body(response, expected=expected))
        refused = await client.post("/grade", json=body(response))
    assert graded.status_code == 200
    assert (graded.json()["verdict"], graded.json()["given"], graded.json()["confidence"]) == (verdict, given, None)
    assert graded.json()["basis"] == "expected"
    assert engine.sampled == []
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert 'twinpath_rejected_total{reason="queue_full"} 1.0' in (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"response": "24", "expected": "?"}, 422, "expected"),
        ({"response": "24", "expected": True}, 422, "expected"),
        ({"response": "24", "expected": "4" * 401}, 422, "expected"),
        ({"response": "x" * 20_001}, 422, "response"),
        ({"response": "a\x00b"}, 422, "response"),
        ({"response": True}, 422, "response"),
        ({"response": ["24"]}, 422, "response"),
        ({"response": "24", "min_confidence": 0.5}, 422, "min_confidence"),
        ({"response": "24", "trace": True}, 422, "trace"),
        ({"response": "24", "expected": "24", "problem": "x" * 4001}, 422, "problem"),
        ({}, 422, "response"),
    ],
)
async def test_an_invalid_request_names_the_field(
    serve: Serve, fields: dict[str, object], status: int, field: str
) -> None:
    client = await serve()
    response = await client.post("/grade", json={"problem": PASTRIES} | fields)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (status, field)


async def test_no_text_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    client = await serve()
    with caplog.at_level(logging.INFO, "service"):
        await client.post("/grade", json=body("hushed 24", expected="24"))
    (record,) = (record for record in caplog.records if record.msg == "graded")
    logged = str(vars(record))
    assert ("correct" in logged, "hushed" in logged, "pastries" in logged) == (True, False, False)


async def results(client: Any, rows: list[dict[str, object]]) -> list[dict[str, Any]]:
    content = "".join(json.dumps(row) + "\n" for row in rows)
    response = await client.post("/grade/batch", content=content, headers=LINES | {"X-Request-ID": "r"})
    assert response.status_code == 200
    return sorted((json.loads(line) for line in response.text.splitlines()), key=lambda result: result["line"])


async def test_each_row_has_one_grade(live: Serve) -> None:
    client = await live(playing([cot(24)], [pot(24)]), computing_sandbox())
    graded = await results(
        client,
        [
            {"id": "a", "question": PASTRIES, "response": "24 pastries", "class": "3b"},
            {"id": "b", "problem": PASTRIES, "response": 26},
            {"id": "c", "problem": PASTRIES, "response": None, "expected": "24"},
            {"problem": PASTRIES, "response": "26", "expected": 26},
            {"id": "e", "problem": PASTRIES},
            {"id": "f", "problem": PASTRIES, "response": "24", "expected": "?"},
        ],
    )
    assert [(row["id"], row.get("grade", {}).get("verdict")) for row in graded] == [
        ("a", "correct"),
        ("b", "incorrect"),
        ("c", "undecided"),
        (4, "correct"),
        ("e", None),
        ("f", None),
    ]
    assert [row["error"]["errors"][0]["field"] for row in graded[4:]] == ["response", "expected"]
    assert (graded[0]["grade"]["id"], graded[0]["grade"]["basis"], sorted(graded[0])) == (
        "r-1",
        "vote",
        ["grade", "id", "line"],
    )


async def test_responses_to_one_problem_share_a_vote(live: Serve) -> None:
    engine = playing([cot(24), cot(24), cot(26)], [pot(24)])
    client = await live(engine, computing_sandbox())
    rows: list[dict[str, object]] = [body(str(number)) for number in range(20, 30)]
    graded = await results(client, [*rows, body("24", seed=1), body("24", problem="Another?")])
    assert len({row["grade"]["confidence"] for row in graded[:10]}) == 1
    assert [row["grade"]["verdict"] for row in graded[:10]].count("correct") == 1
    text = (await client.get("/metrics")).text
    assert 'twinpath_solve_duration_seconds_count{status="answered"} 3.0' in text


async def test_a_batch_with_expected_answers_outlives_the_engine(live: Serve) -> None:
    client = await live(TurnEngine([EngineDeadError("The engine died.")]), computing_sandbox())
    graded = await results(client, [body("24", expected="24"), body("24", paths={"cot": 1, "pot": 0})])
    assert [row["line"] for row in graded] == [0, 1]
    assert (graded[0]["error"]["status"], graded[1]["grade"]["verdict"]) == (503, "correct")
