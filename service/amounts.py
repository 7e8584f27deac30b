"""Amounts in words: percentages, counts and durations."""

from math import floor


def percent(part: float, whole: float) -> int:
    """Percentage, rounded half up."""
    return floor(100 * part / whole + 0.5)


def number(count: int, noun: str) -> str:
    """Count and its noun: "1 program", "2 programs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """Duration: "1.6 s", "42 s", "2 min 10 s", "1 h 5 min"."""
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 9.95 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
