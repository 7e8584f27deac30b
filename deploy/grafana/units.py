"""Values in Grafana's units."""

from collections.abc import Sequence

_SECONDS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"), (1.0, ""))
_RATES = {"reqps": "req/s", "ops": "ops/s"}


def written(value: float, unit: str) -> str:
    """The value with three digits, as Grafana writes it.

    Args:
        value: value of a series.
        unit: Grafana's name of the unit, such as `s`, `bytes` or `suffix:tokens`.
    """
    if unit == "percentunit":
        return f"{_digits(100 * value)}%"
    if unit == "s":
        return _scaled(value, _SECONDS)
    if unit == "bytes":
        return _scaled(value, _BYTES)
    suffix = _RATES.get(unit, unit.partition("suffix:")[2])
    return f"{_scaled(value, _COUNTS)} {suffix}".strip()


def _scaled(value: float, scales: Sequence[tuple[float, str]]) -> str:
    factor, name = next((scale for scale in scales if abs(value) >= scale[0]), scales[-1])
    if value == 0:
        name = next(name for factor, name in scales if factor == 1)
    separator = "" if scales is _COUNTS else " "
    return f"{_digits(value / factor)}{separator}{name}"


def _digits(value: float) -> str:
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
