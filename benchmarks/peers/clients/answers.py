"""The answer in a text of the student, as a user of a peer would take it: what follows "The answer is", as a number.

No more than the standard library: it is imported in the peers' environments.
"""

import math
import re

_STATED = re.compile(r"answer is:?\s*[$€£]?\s*(-?(?:\d[\d,]*\.?\d*|\.\d+))", re.IGNORECASE)


def stated(text: str) -> str | None:
    """The last stated number in one notation (51, 51.0 and 1,000 become 51, 51 and 1000), or None."""
    found = _STATED.findall(text)
    return number(found[-1]) if found else None


def number(text: str) -> str | None:
    """A finite number in one notation, or None."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return f"{round(value, 6):.12g}" if math.isfinite(value) else None
