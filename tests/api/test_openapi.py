"""OpenAPI document: limits from settings, streams, errors, whole numbers."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

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


async def test_every_field_has_a_meaning_and_a_valid_example(serve: Serve) -> None:
    document = (await (await serve()).get("/openapi.json")).json()

    def model_of(field: dict[str, Any]) -> str | None:
        options = [field, field.get("items", {}), *field.get("anyOf", ())]
        options += [option.get("items", {}) for option in options]
        return next((option["$ref"].rpartition("/")[2] for option in options if "$ref" in option), None)

    def wrong(schema: dict[str, Any]) -> list[Any]:
        if "examples" not in schema:
            return []
        fits = Draft202012Validator(schema | {"components": document["components"]}).is_valid
        return [value for value in schema["examples"] if not fits(value)]

    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert (name, wrong(schema)) == (name, [])
        for field, of in schema.get("properties", {}).items():
            has_example = "examples" in of or "properties" in schemas.get(model_of(of), {})
            assert (name, field, bool(of.get("description")), has_example) == (name, field, True, True)
            assert (name, field, wrong(of)) == (name, field, [])


async def test_a_number_of_paths_is_documented(document: dict[str, Any]) -> None:
    for model in ("SolveRequest", "Options", "BatchInput"):
        paths = document["components"]["schemas"][model]["properties"]["paths"]
        assert paths["anyOf"] == [
            {"type": "integer", "minimum": 1, "maximum": 128},
            {"$ref": "#/components/schemas/PathBudget"},
            {"type": "null"},
        ]
        assert paths["examples"] == [20, {"cot": 10, "pot": 10}]


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
    assert content("/grade/batch")["application/x-ndjson"]["itemSchema"] == {"$ref": "#/components/schemas/GradeRow"}
    body = document["paths"]["/grade/batch"]["post"]["requestBody"]["content"]["application/x-ndjson"]
    assert body["itemSchema"] == {"$ref": "#/components/schemas/GradeInput"}
    row = document["components"]["schemas"]["GradeInput"]
    assert row["anyOf"] == [{"required": ["problem", "response"]}, {"required": ["question", "response"]}]
    assert set(content("/v1/chat/completions")) == {"application/json", "text/event-stream"}
