"""Queries of a dashboard's JSON against a running Prometheus."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Series:
    """One series: legend, seconds since 1970, values and labels."""

    legend: str
    times: list[float]
    values: list[float]
    labels: Mapping[str, str]


@dataclass(slots=True)
class Prometheus:
    """Queries over one time range, with the variables of a dashboard filled in.

    Args:
        url: address of the Prometheus.
        start: start of the range in seconds since 1970.
        end: end of the range.
        step_s: seconds between two points, at least the scrape interval.
        jobs: chosen jobs, or none for all.
    """

    url: str
    start: float
    end: float
    step_s: int
    jobs: Sequence[str] = ()
    _values: dict[str, str] = field(default_factory=dict)

    def times(self) -> list[float]:
        """Times of the points: a series has no point where its target was lost."""
        return [self.start + step * self.step_s for step in range(int((self.end - self.start) / self.step_s) + 1)]

    def choose(self, variables: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        """Fill in the chosen jobs, and all values of the other variables.

        Returns:
            The values by label of the variable.
        """
        chosen = {}
        for variable in variables:
            if found := _LABEL_VALUES.fullmatch(str(variable.get("query"))):
                query = {"match[]": self._filled(found["selector"]), "start": self.start, "end": self.end}
                values = self._get(f"label/{found['label']}/values", query)
                if variable["name"] == "job" and self.jobs:
                    values = [value for value in values if value in self.jobs]
                self._values[variable["name"]] = "|".join(map(re.escape, values)).replace("\\", "\\\\")
                chosen[variable["label"]] = values
        return chosen

    def series(self, expression: str, legend: str) -> list[Series]:
        """The series of one query over the range."""
        query = {"query": self._filled(expression), "start": self.start, "end": self.end, "step": self.step_s}
        return [
            Series(
                _legend(legend, row["metric"]),
                [float(at) for at, _ in row["values"]],
                [float(value) for _, value in row["values"]],
                row["metric"],
            )
            for row in self._get("query_range", query)["result"]
        ]

    def exemplars(self, expression: str) -> list[tuple[float, float]]:
        """Time and value of the exemplars behind one query."""
        query = {"query": self._filled(expression), "start": self.start, "end": self.end}
        found = [point for row in self._get("query_exemplars", query) for point in row["exemplars"]]
        return [(point["timestamp"], float(point["value"])) for point in found]

    def _filled(self, expression: str) -> str:
        # Grafana: at least four scrapes, and not less than a step and a scrape.
        expression = expression.replace("$__rate_interval", f"{4 * self.step_s}s")
        for name, values in self._values.items():
            expression = expression.replace(f"${name}", values)
        return expression

    def _get(self, path: str, query: Mapping[str, Any]) -> Any:
        response = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=60)
        answer = response.json()
        if answer["status"] != "success":
            raise ValueError(f"{query}: {answer['error']}")
        return answer["data"]


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), pattern)
