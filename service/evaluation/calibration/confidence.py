"""Confidence map and its shifts.

The map gives the share of right answers for a smoothed vote share. The Beta confidence cannot: it rates the votes, and
the adaptive policy stops wherever it has the same value.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from service.solve.calibration import interpolate

if TYPE_CHECKING:  # numpy is imported where it is used: an up-to-date run does not need it
    import numpy as np

Points = tuple[tuple[float, float], ...]
Observed = tuple[float, bool]
"""Confidence (or vote share), and whether the answer was right."""


class Seen(NamedTuple):
    """Vote of one problem where its policy stops.

    Args:
        share: smoothed vote share of the leader. 0 without a vote.
        right: whether the leader is right.
        uses_all: whether a program of the leader uses every number of the problem. None without a program.
    """

    share: float
    right: bool
    uses_all: bool | None = None

    @property
    def observed(self) -> Observed:
        """Vote share and outcome."""
        return self.share, self.right


class Shifts(NamedTuple):
    """Shifts of the map's log odds, as `Calibration` holds them."""

    all_numbers_shift: float
    left_out_shift: float


_KNOTS = tuple(step / 20 for step in range(1, 21))
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Variable that OpenBLAS reads when it is loaded. Beside busy processes, more threads make the fit six times slower."""
_STIFFNESS = 10.0
"""Cost of the squared change of slope at a knot, in log odds, relative to the log loss of one problem."""

_RIDGE = 5.0
"""Cost of half the squared shift, relative to the log loss of one problem.

It weighs as 20 problems of even odds that confirm the map: one such problem has an information of 1/4.
"""


def import_libraries() -> None:
    """Import the libraries of the fit, which the service itself does not need.

    Raises:
        ModuleNotFoundError: one of them is missing.
    """
    before = os.environ.get(_BLAS_THREADS)
    os.environ[_BLAS_THREADS] = "1"
    try:
        import numpy as np  # noqa: F401
        import scipy.optimize  # noqa: F401
    finally:
        del os.environ[_BLAS_THREADS]
        if before is not None:
            os.environ[_BLAS_THREADS] = before


def fit(points: Sequence[Observed], orders: int = 1) -> Points:
    """Fit a nondecreasing map from vote share to the share of right answers, tabulated from 0 to 1.

    The log odds are a P-spline of degree 1 (Eilers and Marx, 1996), which bends less with fewer problems. The targets
    are Platt's (1999), so that a few problems do not give certainty. Without any vote the share is a half.

    Args:
        points: vote shares and outcomes. Shares of 0 (no vote) are left out.
        orders: number of orders in which each problem is observed. Together they weigh as one problem.
    """
    import_libraries()
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    voted = [(share, right) for share, right in points if share > 0]
    right = np.array([right for _, right in voted], bool)
    hits, misses = right.sum() / orders, (~right).sum() / orders
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    shares, position = np.unique(np.array([share for share, _ in voted]), return_inverse=True)
    problems, expected = np.bincount(position) / orders, np.bincount(position, targets) / orders
    # Columns: the log odds of the first knot, and the rise to each further knot.
    between = np.stack([np.interp(shares, _KNOTS, knot) for knot in np.eye(len(_KNOTS))], axis=1)
    basis = np.cumsum(between[:, ::-1], axis=1)[:, ::-1]

    def loss(parameters: "np.ndarray") -> "tuple[float, np.ndarray]":
        """Log loss of all problems plus the cost of the bends, with the gradient."""
        log_odds, bends = basis @ parameters, np.diff(parameters[1:])
        value = problems @ np.logaddexp(0, log_odds) - expected @ log_odds + _STIFFNESS * bends @ bends
        gradient = basis.T @ (problems * expit(log_odds) - expected)
        gradient[1:-1] -= 2 * _STIFFNESS * bends
        gradient[2:] += 2 * _STIFFNESS * bends
        return float(value), gradient

    nondecreasing = [(None, None)] + [(0, None)] * (len(_KNOTS) - 1)
    found = minimize(loss, np.zeros(len(_KNOTS)), jac=True, bounds=nondecreasing).x
    return ((0.0, 0.0), *zip(_KNOTS, map(float, expit(np.cumsum(found))), strict=True))


def fit_shifts(points: Sequence[Seen], confidence_map: Points, orders: int = 1) -> Shifts:
    """Fit the shifts by a logistic regression with the map's log odds as offset, and a ridge of `_RIDGE`.

    Args:
        points: observed votes. Those without a program are left out.
        confidence_map: the map, as `fit` returns it.
        orders: as in `fit`.
    """
    import_libraries()
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    used = [(point, interpolate(confidence_map, point.share)) for point in points if point.uses_all is not None]
    used = [(point, mapped) for point, mapped in used if 0 < mapped < 1]
    offsets = logit([mapped for _, mapped in used])
    right = np.array([point.right for point, _ in used], float)
    groups = np.array([[point.uses_all, not point.uses_all] for point, _ in used], float).reshape(-1, 2)

    def loss(shifts: "np.ndarray") -> "tuple[float, np.ndarray]":
        """Log loss of all problems plus the ridge, with the gradient."""
        log_odds = offsets + groups @ shifts
        value = (np.logaddexp(0, log_odds) - right * log_odds).sum() / orders + _RIDGE / 2 * shifts @ shifts
        return float(value), groups.T @ (expit(log_odds) - right) / orders + _RIDGE * shifts

    found = minimize(loss, np.zeros(2), jac=True, bounds=[(-10, 10)] * 2).x
    return Shifts(*(round(float(shift), 4) for shift in found))
