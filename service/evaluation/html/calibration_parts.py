"""Parts on a calibration that reports share: stopping thresholds and confidence map."""

from collections.abc import Sequence

from service.amounts import number
from service.evaluation.calibration.fit import MIN_PROBLEMS
from service.evaluation.calibration.thresholds import ThresholdCost
from service.evaluation.html.chart import Axis, Chart
from service.evaluation.html.elements import Html, element
from service.evaluation.html.figures import figure
from service.evaluation.html.tables import share, table
from service.solve.calibration import Calibration


def thresholds_table(costs: Sequence[ThresholdCost], chosen: float, sets: Sequence[str] = ()) -> Html:
    """Cost of each stopping threshold.

    Args:
        costs: the costs.
        chosen: threshold of the calibration.
        sets: sets of problems that have a column.
    """
    rows = (_threshold(row, chosen, sets) for row in costs)
    return table("counts", ("threshold", "tokens", "points lost", *sets), rows)


def thresholds_hint(problems: int) -> Html:
    """Explanation of the costs of the thresholds."""
    few = f" With fewer than {MIN_PROBLEMS} problems the threshold stays at its default."
    text = (
        "Points lost to the full vote and share of its tokens, over many orders of the same paths. "
        "±: one standard error."
    )
    return element("p", text + few * (problems < MIN_PROBLEMS), class_="hint")


def map_figure(found: Calibration) -> Html | None:
    """Curve of the confidence map. None without a map."""
    points = found.confidence_map
    if not points:
        return None
    chart = Chart(
        "Confidence by vote share",
        Axis("vote share of the leader", 0, 1, 0.2, is_share=True),
        Axis("confidence", 0, 1, 0.2, is_share=True),
    )
    line = chart.line([(x, y) for x, y in points if x > 0], "both")
    caption = (
        f"Share of right answers for a smoothed vote share, fitted at {number(len(points) - 1, 'knot')}. The shifts "
        "move it by the use of the problem's numbers."
    )
    return figure("Confidence map", chart.drawn(chart.line([(0, 0), (1, 1)], "ideal"), line), caption)


def _threshold(row: ThresholdCost, chosen: float, sets: Sequence[str]) -> tuple[str, ...]:
    name = f"{row.threshold:g}"
    costs = [f"{100 * cost.lost:.1f} ± {100 * cost.error:.1f}" for cost in (row.cost, *(row.sets[s] for s in sets))]
    first = (
        element("span", name, " ", element("span", "chosen", class_="chip likely")) if row.threshold == chosen else name
    )
    return (first, share(row.cost.tokens), *costs)
