"""README of the Helm chart, and its values beside their schema."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from deploy.chart_reference import Entry, entries, render
from tests.deploy.chart import CHART, EXAMPLES

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def described(schema: dict[str, Any], values: Any, path: str = "") -> Iterator[tuple[str, set[str], set[str]]]:
    """Keys of each object of the schema, and those that the values have at the same place."""
    properties = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if properties.get("properties"):
        yield path, set(properties["properties"]), set(values)
        for key, below in properties["properties"].items():
            yield from described(below, values.get(key, {}), f"{path}.{key}")


def test_the_schema_and_the_values_have_the_same_keys() -> None:
    found = list(described(SCHEMA, VALUES))
    assert {path for path, _, _ in found} >= {"", ".service", ".service.image", ".worker", ".monitoring.dashboards"}
    for path, in_schema, in_values in found:
        assert in_schema == in_values, path


def test_each_comment_describes_the_value_below_it() -> None:
    text = """# Head of the file.

# First.
# Second line.
a: 1
# About the group.
group:
  # Deep.
  image:
    # Tag.
    tag: ""
  b: {c: [1]}
  # Flow.
  d: {e: 2}
"""
    assert entries(text) == {
        "": [Entry("a", "First. Second line.", 1)],
        "group": [
            Entry("image.tag", "Tag.", ""),
            Entry("b", "", {"c": [1]}),
            Entry("d", "Flow.", {"e": 2}),
        ],
    }


def test_every_value_and_every_example_is_listed() -> None:
    text = render()
    for group, found in entries((CHART / "values.yaml").read_text()).items():
        for entry in found:
            name = f"{group}.{entry.name}" if group else entry.name
            shared = text.partition(f"| `{group}.…` |")[2].partition("\n")[0]
            assert f"| `{name}` |" in text or f"`{entry.name}`" in shared, name
    for path in EXAMPLES.values():
        assert f"(ci/{path.name})" in text
        assert path.read_text().startswith("# ")
