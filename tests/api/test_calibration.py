"""A model without a calibration is never shown as calibrated, at any door."""

import json
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.solve.calibration import Calibration
from tests.conftest import Serve
from tests.support.engines import computing_sandbox, cot, playing, pot

PROBLEM = "Ann has 3 pens and buys 4. How many?"
BODY = {"problem": PROBLEM, "paths": {"cot": 3, "pot": 3}, "policy": "fixed"}
SURE = Calibration(confidence_map=((0.0, 0.9), (1.0, 0.9)))
Trust = tuple[bool, str, float]


async def solved(client: httpx.AsyncClient) -> Trust:
    return trust((await client.post("/solve", json=BODY)).json())


async def streamed(client: httpx.AsyncClient) -> Trust:
    events = (await client.post("/solve/stream", json=BODY)).text.split("\n\n")
    answer = next(event for event in events if "event: answer" in event)
    return trust(json.loads(answer.partition("data: ")[2]))


async def in_a_batch(client: httpx.AsyncClient) -> Trust:
    text = (
        await client.post("/solve/batch", content=json.dumps(BODY), headers={"Content-Type": "application/x-ndjson"})
    ).text
    return trust(json.loads(text.splitlines()[0])["solution"])


async def in_a_chat(client: httpx.AsyncClient) -> Trust:
    body = {
        "model": "twinpath",
        "messages": [{"role": "user", "content": PROBLEM}],
        "twinpath": {"paths": BODY["paths"]},
    }
    return trust((await client.post("/v1/chat/completions", json=body)).json()["choices"][0]["twinpath"])


def trust(response: dict[str, Any]) -> Trust:
    return response["calibrated"], response["verdict"], response["confidence"]


@pytest.mark.parametrize("door", [solved, streamed, in_a_batch, in_a_chat])
async def test_only_a_calibrated_model_is_likely_right(door: Any, serve: Serve) -> None:
    for calibration, expected in ((Calibration(), (False, "agreed")), (SURE, (True, "likely"))):
        client = await serve(playing([cot(7)], [pot(7)]), computing_sandbox(), calibration=calibration)
        *found, confidence = await door(client)
        assert tuple(found) == expected
        assert confidence == 0.9 or not found[0]


async def test_a_grade_states_whether_its_confidence_is_calibrated(serve: Serve) -> None:
    for calibration in (Calibration(), SURE):
        client = await serve(playing([cot(7)], [pot(7)]), computing_sandbox(), calibration=calibration)
        grade = (await client.post("/grade", json=BODY | {"response": "7"})).json()
        assert (grade["verdict"], grade["calibrated"]) == ("correct", calibration.calibrated)
        known = (await client.post("/grade", json={"problem": PROBLEM, "response": "7", "expected": "7"})).json()
        assert (known["confidence"], known["calibrated"]) == (None, None)


@pytest.mark.parametrize("changes", [{"temperature": 0}, {"top_k": 3}])
@pytest.mark.parametrize("door", [solved, streamed, in_a_batch, in_a_chat])
async def test_another_sampling_than_that_of_the_calibration_is_not_calibrated(
    door: Any, changes: dict[str, Any], serve: Serve
) -> None:
    settings = Settings(**changes)
    client = await serve(playing([cot(7)], [pot(7)]), computing_sandbox(), settings=settings, calibration=SURE)
    plain = await serve(playing([cot(7)], [pot(7)]), computing_sandbox(), settings=settings)
    found = await door(client)
    assert found[:2] == (False, "agreed")
    assert found == await door(plain)
    assert (await client.get("/v1/models")).json()["data"][0]["calibrated"] is False


async def test_a_request_with_another_sampling_is_not_calibrated(serve: Serve) -> None:
    client = await serve(playing([cot(7)], [pot(7)]), computing_sandbox(), calibration=SURE)
    for changes, expected in (({}, True), ({"temperature": 0.1}, False), ({"temperature": 0.7, "paths": 3}, True)):
        content = (await client.post("/solve", json=BODY | changes)).json()
        assert (content["calibrated"], content["verdict"]) == (expected, "likely" if expected else "agreed")
    assert (await client.get("/v1/models")).json()["data"][0]["calibrated"] is True
