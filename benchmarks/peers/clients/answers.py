"""Number after "The answer is" in a peer's text.

Only the standard library is imported, because the peers' environments import this module.
"""

import math
import re

_STATED = re.compile(r"answer is:?\s*[$€£]?\s*(-?(?:\d[\d,]*\.?\d*|\.\d+))", re.IGNORECASE)


def stated(text: str) -> str | None:
    """Last stated number in one notation, or None. 51.0 becomes 51, and 1,000 becomes 1000."""
    found = _STATED.findall(text)
    return number(found[-1]) if found else None


def number(text: str) -> str | None:
    """Finite number in one notation, or None."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return f"{round(value, 6):.12g}" if math.isfinite(value) else None
