r"""Splitter between the thought and the answer of a reasoning model's text.

Its delimiters are tags (`<think>`, `[THINK]`, `◁think▷`), the tokens of single model families, and the channels of
gpt-oss with and without their special tokens. A lone closing tag ends a thought that the prompt opened. Thousands of
delimiters are an unterminated thought. Never raises.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """Parts of a text, which are the text when joined.

    Args:
        thought: text up to the end of the last thought, empty without one.
        answer: text after the last thought.
        unterminated: whether the text ends within a thought. Then `answer` is empty.
    """

    thought: str
    answer: str
    unterminated: bool = False

    @property
    def text(self) -> str:
        """Both parts."""
        return self.thought + self.answer


def split_thinking(text: str, *, opened: bool = False) -> Split:
    """Split a text at the end of its last thought.

    Args:
        text: text of the model.
        opened: whether the prompt opened a thought, which the text then continues.
    """
    thinks: str | None = "prompt" if opened else None  # kind of the open thought
    start = 0
    if _STRIPPED.match(text):
        start = text.rfind(_STRIPPED_FINAL) + len(_STRIPPED_FINAL)
        thinks = "channel" if start < len(_STRIPPED_FINAL) else None
    for number, found in enumerate(_DELIMITER.finditer(text, max(start, 0))):
        if number == _MAX_DELIMITERS:
            return Split(text, "", unterminated=True)
        role, kind = _role(found)
        # The answer's own opening ends any thought.
        counts = thinks is None if role == "open" else thinks in (None, "prompt", kind) or kind == "channel"
        if not counts or _is_mention(text, found, role):
            continue
        if role == "open":
            thinks = kind
        else:
            thinks, start = None, found.end()
    return Split(text, "", unterminated=True) if thinks else Split(text[:start], text[start:])


def estimated_thought_chars(text: str, delimiters: tuple[str, str], *, opened: bool = False) -> int:
    """Fast estimate of the length of a thought, for texts that nothing else reads.

    Args:
        text: text of the model.
        delimiters: opening and closing of its thoughts.
        opened: whether the prompt opened a thought.
    """
    opening, closing = delimiters
    end = text.rfind(closing)
    if end >= 0:
        return end + len(closing)
    return len(text) if opened or text[:_TAIL_CHARS].lstrip().startswith(opening) else 0


def opens_thought(prompt: str) -> bool:
    """Whether a prompt ends with the opening of a thought."""
    tail = prompt[-_TAIL_CHARS:]
    delimiters = list(_DELIMITER.finditer(tail))
    return bool(delimiters) and _role(delimiters[-1])[0] == "open" and not tail[delimiters[-1].end() :].strip()


def delimiters_in(template: str) -> tuple[str, str] | None:
    """Opening and closing of the thoughts that a chat template names, or None if it names no known ones."""
    return next((pair for pair in DELIMITERS if any(text in template for text in pair)), None)


def leftovers(special_tokens: Collection[str]) -> re.Pattern[str] | None:
    """Special tokens other than the delimiters of a thought. None if no delimiter is a special token."""
    others = {token for token in special_tokens if not _DELIMITER.fullmatch(token)}
    if len(others) == len(special_tokens):
        return None
    longest_first = sorted(others, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


DELIMITERS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|think_start|>", "<|think_end|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>", "<channel|>"),
    ("<unused94>", "<unused95>"),
)
"""Openings and closings of thoughts that an engine can end. The channels of gpt-oss have none."""

_TAIL_CHARS = 200
_MAX_DELIMITERS = 10_000  # takes about 30 ms
_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|inner_?monologue"
_TAG = rf"\|?\s?(?P<slash>/?)\s?(?:\w{{1,12}}[:_])?(?P<name>{_NAMES})(?:\s[^<>\[\]\n]{{0,60}})?\|?[>\]▷]"
_KINDS = {"tho": "thi"}  # <thought> and <think> end each other
_TOKENS = {  # opening and closing
    "phase": (r"\|(?:begin|start)_of_(?:thought|thinking|reasoning)\|>", r"\|end_of_(?:thought|thinking|reasoning)\|>"),
    "cohere": (r"\|start_thinking\|>", r"\|end_thinking\|>"),
    "edge": (r"\|think(?:ing)?_start\|>", r"\|think(?:ing)?_end\|>"),
    "apertus": (r"\|inner_prefix\|>", r"\|inner_suffix\|>"),
    "gemma": (r"\|channel>", r"channel\|>"),
    "medgemma": (r"unused94>", r"unused95>"),
    "channel": (
        r"\|channel\|>\s?(?!final)\w{1,20}",  # analysis or commentary
        r"\|channel\|>\s?final[^<\n]{0,80}<\|message\|>|\|(?:begin_of_solution|start_response)\|>|response>",
    ),
}
_DELIMITER = re.compile(
    r"[<\[◁](?=\|?\s?/?\s?\w)(?i:"
    + "".join(f"(?P<open_{kind}>{pair[0]})|(?P<close_{kind}>{pair[1]})|" for kind, pair in _TOKENS.items())
    + f"{_TAG})"  # last, because <|END_THINKING|> would match it
)
# gpt-oss without its special tokens, such as "analysisWe need 4 + 9.assistantfinal13".
_STRIPPED = re.compile(r"\s{0,9}(?:analysis|commentary)(?:(?=[A-Z0-9\"'“(])|(?s:.){0,1000000}?assistantfinal)")
_STRIPPED_FINAL = "assistantfinal"

_QUOTES = "\"'`“‘«"
_NAMED = re.compile(r"[\"'`”’»]?\s(?:tag|block|token|section|element|marker|delimiter)s?\b", re.IGNORECASE)
_MID_SENTENCE = re.compile(r"[\w,(=#+-]\Z")
_GOES_ON = re.compile(r"[ \t.,;:!?)\"'`]")


def _role(found: re.Match[str]) -> tuple[str, str]:
    """Role and kind of a delimiter."""
    if name := found["name"]:
        # A thought ends only with the closing of its own kind.
        return "close" if found["slash"] else "open", _KINDS.get(name.lower()[:3], name.lower()[:3])
    assert found.lastgroup is not None
    role, _, kind = found.lastgroup.partition("_")
    return role, kind


def _is_mention(text: str, found: re.Match[str], role: str) -> bool:
    """Whether the delimiter is a heading such as [Analysis], or a sentence or a program only names it."""
    start, end = found.span()
    if text[start] == "[" and not (found["name"] or "").lower().startswith("th"):
        return True
    if (text[start - 1 : start] in _QUOTES and start) or _NAMED.match(text, end):
        return True
    line = text[max(0, start - 80) : start].rpartition("\n")[2].rstrip()
    return role == "open" and bool(_MID_SENTENCE.search(line) and _GOES_ON.match(text, end))
