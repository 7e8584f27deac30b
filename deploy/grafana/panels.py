"""Parts of a dashboard: boards, panels and shared queries."""

from dataclasses import dataclass
from enum import StrEnum

JOB = 'job=~"$job", namespace=~"$namespace"'
"""Selector of the jobs and namespaces that are chosen at the top of a dashboard."""
ENGINE = f'{JOB}, instance=~"$instance"'
"""Selector of the engines that are chosen at the top of the engine's dashboard."""

COLORS = {
    "status": {"answered": "green", "abstained": "yellow", "deadline": "orange", "error": "red"},
    "decision": {"majority": "green", "plurality": "blue", "tie": "orange", "abstain": "red"},
    "verdict": {"correct": "green", "incorrect": "orange", "undecided": "yellow"},
    "kind": {"cot": "blue", "pot": "purple"},
    "result": {"ok": "green", "aborted": "blue", "refused": "orange", "failed": "red"},
    "outcome": {
        "ok": "green",
        "voted": "green",
        "aborted": "blue",
        "unparsed": "yellow",
        "error": "orange",
        "timeout": "purple",
        "memory": "dark-purple",
        "output": "dark-yellow",
        "denied": "dark-orange",
        "crashed": "red",
    },
}
"""Grafana's color of each value of a label."""


class Kind(StrEnum):
    """Kind of a panel."""

    LINES = "lines"
    STACK = "stack"
    HEATMAP = "heatmap"
    STAT = "stat"
    STATES = "states"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Args:
        id: number of the panel, unique on its board. Links name it, so it never changes.
        title: title of the panel.
        text: description for the reader.
        queries: PromQL and legend. Grafana fills in `$job`, `$instance` and `$__rate_interval`.
        unit: Grafana's name of the values' unit.
        kind: kind of the panel.
        limits: thresholds in ascending order, each a value and the color from there on.
        base: color below the first limit.
        states: text of the values 0 and 1 of `Kind.STATES`.
        label: label whose values have fixed colors (`COLORS`).
        exemplars: whether points link to traces.
    """

    id: int
    title: str
    text: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Kind = Kind.LINES
    limits: tuple[tuple[float, str], ...] = ()
    base: str = "green"
    states: tuple[str, str] = ("", "")
    label: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of panels.

    Args:
        uid: identifier in Grafana's addresses.
        title: title of the dashboard.
        text: description for the reader.
        variables: name, label and query of each list at the top.
        rows: title and panels of each row.
    """

    uid: str
    title: str
    text: str
    variables: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


SERVICES = (
    ("job", "Job", "label_values(twinpath_build_info, job)"),
    ("namespace", "Namespace", 'label_values(twinpath_build_info{job=~"$job"}, namespace)'),
)
"""Variables of a board of the service."""
ENGINES = (
    ("job", "Job", 'label_values({__name__=~"twinpath_build_info|engine:requests_running"}, job)'),
    (
        "namespace",
        "Namespace",
        'label_values({__name__=~"twinpath_build_info|engine:requests_running", job=~"$job"}, namespace)',
    ),
    ("instance", "Engine", f"label_values(engine:requests_running{{{JOB}}}, instance)"),
)
"""Variables of the engine's board. Engines are in the process of the service, or in the job of the workers."""


def quantiles(
    bucket: str, by: str = "", levels: tuple[str, ...] = ("0.5", "0.95", "0.99")
) -> tuple[tuple[str, str], ...]:
    """The median, p95 and p99 of a histogram, or other levels."""
    legend = f" {{{{{by}}}}}" if by else ""
    labels = f"le, {by}" if by else "le"
    return tuple(
        (
            f"histogram_quantile({q}, sum by ({labels}) (rate({bucket}[$__rate_interval])))",
            f"p{float(q) * 100:g}{legend}",
        )
        for q in levels
    )


def recorded_quantiles(prefix: str) -> tuple[tuple[str, str], ...]:
    """The recorded median and p95 of an engine's histogram, by engine."""
    return tuple((f"{prefix}:{q}_5m{{{ENGINE}}}", f"{q} {{{{instance}}}}") for q in ("p50", "p95"))


def rate(metric: str, by: str, *, match: str = "", function: str = "rate") -> tuple[str, str]:
    """A counter's rate, or its increase, by one label."""
    selector = f"{metric}{{{JOB}{match and ', '}{match}}}"
    return f"sum by ({by}) ({function}({selector}[$__rate_interval]))", f"{{{{{by}}}}}"


def share(metric: str, label: str) -> tuple[tuple[str, str], ...]:
    """Each label value's share of a counter."""
    each = f"rate({metric}{{{JOB}}}[$__rate_interval])"
    return ((f"sum by ({label}) ({each}) / ignoring ({label}) group_left () sum({each})", f"{{{{{label}}}}}"),)


def ratio(part: str, whole: str, legend: str) -> tuple[tuple[str, str], ...]:
    """The rate of one counter over the rate of another."""
    over, under = (f"sum(rate({selector}[$__rate_interval]))" for selector in (part, whole))
    return ((f"{over} / {under}", legend),)
