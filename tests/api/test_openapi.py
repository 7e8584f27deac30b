"""OpenAPI document: limits from settings, streams, errors, whole numbers."""

from typing import Any

import pytest

from service.settings import Settings
from tests.conftest import Serve


@pytest.fixture
async def document(serve: Serve) -> dict[str, Any]:
    client = await serve(settings=Settings(max_problem_chars=77))
    content: dict[str, Any] = (await client.get("/openapi.json")).json()
    return content


async def test_limits_are_those_of_the_settings_and_exact(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["SolveRequest"]["properties"]
    assert fields["problem"]["maxLength"] == 77
    assert document["components"]["schemas"]["BatchInput"]["properties"]["question"]["maxLength"] == 77
    seed = fields["seed"]["anyOf"][0]
    assert (seed["minimum"], seed["exclusiveMaximum"], type(seed["exclusiveMaximum"])) == (0, 2**63, int)


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [found for item in value.values() for found in references(item)]
        return [found for item in value for found in references(item)] if isinstance(value, list) else []

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas
    assert not any("HTTPValidationError" in name for name in schemas)


async def test_errors_have_their_own_type_and_document(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    (media_type,) = response["content"]
                    own = (
                        ("application/json", "ErrorObject")
                        if path.startswith("/v1")
                        else ("application/problem+json", "ProblemDetails")
                    )
                    name = response["content"][media_type]["schema"]["$ref"].rpartition("/")[2]
                    assert (media_type, name) == own
                assert "X-Request-ID" in response["headers"]
                assert ("Retry-After" in response["headers"]) == (status == "429")


async def test_streams_say_what_their_items_are(document: dict[str, Any]) -> None:
    def content(path: str) -> Any:
        return document["paths"][path]["post"]["responses"]["200"]["content"]

    events = content("/solve/stream")["text/event-stream"]["itemSchema"]["oneOf"]
    assert [event["properties"]["event"]["const"] for event in events] == ["path", "vote", "answer", "error"]
    assert content("/solve/batch")["application/x-ndjson"]["itemSchema"] == {"$ref": "#/components/schemas/BatchRow"}
    assert set(content("/v1/chat/completions")) == {"application/json", "text/event-stream"}
