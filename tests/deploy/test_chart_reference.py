"""README of the Helm chart, and its values beside their schema."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.chart_reference import Entry, entries, render
from service.cli.secret_files import create_missing
from tests.deploy.chart import CHART, EXAMPLES, WORKERS, template

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


def test_the_steps_make_the_namespace_and_every_secret_that_the_chart_reads(tmp_path: Path) -> None:
    create_missing(tmp_path)
    steps = render().partition("## Install")[2].partition("## Upgrade")[0].replace("\\\n", "")
    commands = re.findall(r"\$ (kubectl .*)", steps)
    assert commands[0] == "kubectl create namespace math"
    made = {}
    for command in commands[1:]:
        if found := re.match(r"kubectl --namespace math create secret generic (\S+) (.*)", command):
            made[found[1]] = set(re.findall(r"--from-(?:file|literal)=([^=]+)=", found[2]))
    assert made == {"api-keys": {"api-keys.toml", "metrics-key"}, "worker-key": {"api-key"}, "huggingface": {"token"}}
    files = re.findall(r"secrets/(\w[\w.]*)", " ".join(commands))
    assert files == ["api_keys.toml", "metrics_key", "worker_api_key"]
    assert all((tmp_path / file).is_file() for file in files)
    values: dict[str, Any] = {
        "apiKeysSecret": "api-keys",
        "workerKeySecret": "worker-key",
        "huggingfaceSecret": "huggingface",
    }
    read = json.dumps(list(template(WORKERS | values | {"monitoring": {"serviceMonitor": {"enabled": True}}}).values()))
    for secret, keys in made.items():
        assert f'"{secret}"' in read
        assert all(f'"key": "{key}"' in read or f"/{key}" in read for key in keys)
