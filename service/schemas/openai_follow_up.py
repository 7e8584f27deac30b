"""Follow-ups of a chat: messages without a question of their own."""

import re
from itertools import islice

NUMBER = re.compile(
    r"""\d[\d.,]* | \b(?: one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve
    | (?:thir|four|fif|six|seven|eigh|nine)teen | (?:twen|thir|for|fif|six|seven|eigh|nine)ty | hundred | thousand
    | million | half | thirds? | quarters? | twice | double | triple | dozens? | pair | couple )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CONTINUATION = re.compile(
    r"(?:(?:and|but|or|so|then|also|now|instead|again|same|ok(?:ay)?|(?:what|how) about|what (?:if|else))\b[ ,]*+)++",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:what|how|which|who|whose|where|when|find|solve|calculate|compute|evaluate|determine|simplify|estimate"
    r"|list|name|count|prove|convert|round|expand|express|factor(?:i[sz]e)?s?|roots?|squared?|cubed?|factorial|primes?"
    r"|percent|sum|product|average|mean|median|area|perimeter|volume|divisors?|multiples?|digits?)\b"
    r"|(?:^|[.?!])\s*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should)\b",
    re.IGNORECASE,
)
"""Words of a question of its own. A helping verb counts only at the start of a sentence."""
_REMARK = re.compile(
    r"""(?: (?:ok(?:ay)?|no|yes|h+m+|well|please|sorry|wait|thanks|thank\ you|and|but|so|then|now)\b [\s,.!]*+ )*+
    (?: why\b(?=(?:\W+\w+){0,3}\W*$) | (?<=[\w.!,])\s*$ | how\ (?:come|so) | are\ you\ (?:sure|certain) | (?:in)?correct
    | wrong
    | is(?:n['’]t)?\ (?:that|this|it)\ (?:really\ )?(?:right|correct|wrong|true|all|final)(?=[.!?,]|$)
    | (?:that|this|it|your\ answer)(?:['’]s|\ is|\ was|\ seems|\ looks)(?:n['’]t|\ not)?
      \ (?:right|wrong|(?:in)?correct|false)
    | (?: (?:can|could|would|will)\ you\ (?:please\ )? )?
      (?:explain|elaborate|show|check|verify|redo|repeat|rephrase|double|triple|halve|round|simplify|convert|continue|try|do)
      (?: \ (?:that|this)(?=[.!?]|$|\ (?:again|as|by|in|once|to|with)\b)
      | \ (?:it|them|again|your|me|the\ (?:steps?|work|answer|result|solution|reasoning)) \b
      | [\s.!?]*+ $ )
    ) (?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_MAX_REMARK_CHARS = 60


def is_follow_up(text: str) -> bool:
    """Whether a text continues an earlier turn, and has no question of its own: "And 9 pens?", "Why?"."""
    if len(list(islice(NUMBER.finditer(text), 2))) > 1:
        return False
    opener = _CONTINUATION.match(text)
    if opener and not _ASKS.search(text[opener.end() :]):
        return True
    remark = _REMARK.match(text) if len(text) <= _MAX_REMARK_CHARS else None
    return remark is not None and not _ASKS.search(text, remark.end())
