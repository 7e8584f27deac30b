"""Parts of a dashboard: boards, panels and shared queries."""

from dataclasses import dataclass

JOB = 'job=~"$job"'
"""Selector of the jobs that are chosen at the top of a dashboard."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Args:
        title: title of the panel.
        queries: PromQL and legend. Grafana fills in `$job` and `$__rate_interval`.
        unit: Grafana's name of the values' unit.
        kind: `lines`, `heatmap` or `stat`.
        text: description for the reader.
        exemplars: whether points link to traces.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "lines"
    text: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of panels."""

    uid: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


def quantiles(bucket: str, by: str = "") -> tuple[tuple[str, str], ...]:
    """The median, p95 and p99 of a histogram."""
    legend = f" {{{{{by}}}}}" if by else ""
    labels = f"le, {by}" if by else "le"
    return tuple(
        (
            f"histogram_quantile({q}, sum by ({labels}) (rate({bucket}[$__rate_interval])))",
            f"p{float(q) * 100:g}{legend}",
        )
        for q in ("0.5", "0.95", "0.99")
    )


def rate(metric: str, by: str, *, match: str = "", function: str = "rate") -> tuple[str, str]:
    """A counter's rate, or its increase, by one label."""
    selector = f"{metric}{{{JOB}{match and ', '}{match}}}"
    return f"sum by ({by}) ({function}({selector}[$__rate_interval]))", f"{{{{{by}}}}}"


def share(metric: str, label: str) -> tuple[tuple[str, str], ...]:
    """Each label value's share of a counter."""
    each = f"rate({metric}{{{JOB}}}[$__rate_interval])"
    return ((f"sum by ({label}) ({each}) / ignoring ({label}) group_left () sum({each})", f"{{{{{label}}}}}"),)
