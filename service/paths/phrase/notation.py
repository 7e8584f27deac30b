r"""Plain text of LaTeX, Markdown, HTML and Unicode notation.

`plain` translates a short text: `\frac{-3}{4}` becomes `-3/4`, `**5**` becomes `5`, and `５` becomes `5`. Commands that
it does not translate become `UNKNOWN`, so that no reader takes a number out of a formula.
"""

import html
import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

BOX = "\ue001"
"""Mark at the start of a box."""
UNKNOWN = "⊗"
"""Mark of a factorial or a LaTeX command without plain text."""

_DOLLAR_SIGN = "\ue000"
_ROUNDS = 4  # nested commands

_SIGNS = (
    dict.fromkeys("−‐‑‒–﹣⁻", "-")
    | dict.fromkeys("―", "—")
    | dict.fromkeys("×✕✖⋅·∗", "*")
    | dict.fromkeys("÷∕⁄", "/")
    | dict.fromkeys("≃≅≒", "≈")
    | dict.fromkeys("⇒⟹➔➜", "→")
    | dict.fromkeys("’‘ʼ′", "'")
    | dict.fromkeys("“”″", '"')
    | {"•": " ", "⩽": "≤", "⩾": "≥", "٫": ".", "٬": ",", "。": ". ", "、": ", ", "…": "...", "٪": "%", "º": "°"}
)
_SUPERSCRIPTS = {"⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9"}
_SUPERSCRIPT = re.compile(f"([-]?[{''.join(_SUPERSCRIPTS)}]+)")
_FULL_WIDTH = range(0xFF01, 0xFF5F)

_WRAPPERS = (
    "text|textbf|textit|textrm|textsf|texttt|textnormal|mathrm|mathbf|mathit|mathsf|mathtt|mathbb|emph|underline|mbox|"
    "hbox|operatorname|bm|boldsymbol|bf|rm"
)
_WRAPPER = re.compile(rf"\\(?:{_WRAPPERS})\*?\s?\{{([^{{}}]*)\}}")
_BOXED = re.compile(r"((?<![\w)}%])(?<![0-9)}%]\s)-)?\\(?:boxed|fbox|framebox)\s?\{([^{}]*)\}")
_COLOR = re.compile(r"\\(?:color|hspace|vspace|phantom)\s?\{[^{}]*\}|\\textcolor\s?\{[^{}]*\}")
_PART = r"\s?(\{[^{}]*\}|[0-9a-zA-Z])"
_FRACTION = re.compile(rf"(-\s?)?\\[dtc]?frac{_PART}{_PART}")
_REPEATING = re.compile(r"(?<=[.0-9])\\(?:overline|bar|dot)\s?\{?([0-9]+)\}?")
_SCRIPT = re.compile(r"([\^_])\s?\{\s?([-+]?[0-9A-Za-z°]*)\s?\}")
_COMMANDS = {
    "*": "times cdot ast", "/": "div", "±": "pm", "≈": "approx simeq cong", "≤": "le leq leqslant",
    "≥": "ge geq geqslant", "<": "lt", ">": "gt", "≠": "ne neq",
    "→": "to rightarrow Rightarrow implies Longrightarrow longrightarrow therefore",
    "...": "ldots dots cdots", "√": "sqrt", "π": "pi", "∞": "infty", "°": "circ degree", "¢": "cent", "£": "pounds",
    "€": "euro", ":": "colon", "\n": "newline",
    " ": "quad qquad space left right big Big bigl bigr Bigl Bigr displaystyle textstyle small large Large normalsize "
    "bf rm it",
}  # fmt: skip
_PLAIN_COMMANDS = {name: sign for sign, names in _COMMANDS.items() for name in names.split()}
_COMMAND = re.compile(r"\\([A-Za-z]+)\s?")
_SPACING = re.compile(r"\\[,;: ]|~")
_MATH = re.compile(
    r"\$\$|\\[()\[\]]|(?<![\\$])\$(?![\s$])([^$\n]{1,200}?)(?<![\s$\\])\$(?![0-9])"
    r"|(?<![\\$])\$[ ]([-+0-9.,/=\\^{}a-zA-Z ]{1,200}?)[ ]\$(?![0-9])"
)
_DEGREES = re.compile(r"\s?\^?\s?°\s?([CFK]\b)?")

_BREAK = re.compile(r"<\s?(?:br|p|/p)\s?/?>", re.IGNORECASE)
_RAISED = re.compile(r"<sup>([^<>]{1,20})</sup>", re.IGNORECASE)
_IN_ANGLES = re.compile(r"<\s?([-$]{0,2}[0-9][0-9.,/%]*)\s?>")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,80}>|<[|¦][^<>\n]{0,40}[|¦]>")
_FACTORIAL = re.compile(
    r"(?<=[0-9)])!(?=\s?(?:=|≈|≠|[-+/^*]\s?[0-9(]|[)}$]|\\(?:[)\]]|[a-z])|[a-z])|[0-9(])"
)  # and no exclamation
_POWER = re.compile(r"(?<=[0-9)])\s?\*\*\s?(?=[-0-9(])(?![0-9.,$ ]*\*\*)")
_STRONG = re.compile(r"\*\*|(?<!\w)__|__(?!\w)|`+|^\s{0,3}#{1,6}\s+", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<![\w*)])([*_])(?=[^\s*_])([^*_\n]{0,80}[^\s*_])\1(?![\w*(])")
_MERIDIEM = re.compile(r"(?<![A-Za-z])([ap])\.\s?m(?:\.|\b)", re.IGNORECASE)
_GLUED_UNIT = re.compile(r"(?<=[0-9])(hrs?|h|mins?|m|ft|lbs?|kg|km|d)(?=[0-9])")
_ABBREVIATED = re.compile(
    r"\b(hrs?|mins?|secs?|ft|in|yds?|lbs?|oz|kg|cm|km|mi|gal|approx|rs|sq|cu|vs|no|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.(?=\s?[0-9a-z])"
    r"|\b(mr|mrs|ms|dr|st)\.(?=\s)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Plain text of at most some hundred characters. Takes linear time and never raises."""
    text = html.unescape(text) if "&" in text else text
    if not text.isascii():
        text = "".join(map(_plain_character, text))
    text = _FACTORIAL.sub(UNKNOWN, text)
    text = _SUPERSCRIPT.sub(lambda found: "^" + "".join(_SUPERSCRIPTS.get(sign, sign) for sign in found[1]), text)
    text = _RAISED.sub(r"^{\1}", _BREAK.sub("\n", text))
    text = _TAG.sub(" ", _IN_ANGLES.sub(r"\1", text))
    if "\\" in text or "{" in text or "$" in text or "}" in text:
        text = _without_latex(text)
    text = _POWER.sub("^", text)
    text = _EMPHASIS.sub(r"\2", _STRONG.sub("", text)).replace("|", " ; ")
    text = _MERIDIEM.sub(r"\1m", _DEGREES.sub(r" °\1 ", text)) if "°" in text or "." in text else text
    text = _GLUED_UNIT.sub(r"\1 ", text)
    return re.sub(r"[ \t]+", " ", _ABBREVIATED.sub(lambda found: found[1] or found[2], text))


@lru_cache(maxsize=1024)
def _plain_character(sign: str) -> str:
    if sign < "\x80":
        return sign
    if sign in _SIGNS:
        return _SIGNS[sign]
    if ord(sign) in _FULL_WIDTH:
        return chr(ord(sign) - 0xFEE0)
    if sign.isspace():
        return " " if sign not in "\x85\u2028\u2029" else "\n"
    if unicodedata.category(sign) == "Cf":  # zero-width signs and marks of direction
        return ""
    if unicodedata.decomposition(sign).startswith("<fraction>"):
        return f" {unicodedata.normalize('NFKC', sign).replace('⁄', '/')} "
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


def _without_latex(text: str) -> str:
    text = text.replace("{,}", ",").replace("{.}", ".").replace("\\!", "").replace("\\\\", "\n")
    text = re.sub(r"\\([%#&_{}])", r"\1", text.replace("\\$", _DOLLAR_SIGN))
    text = _MATH.sub(lambda found: f" {found[1] or found[2] or ''} " if found[0][0] == "$" else " ", text)
    text = _COLOR.sub("", _SPACING.sub(" ", text))
    text = _SCRIPT.sub(r"\1\2", re.sub(r"\^\s?\{?\s?\\(?:circ|degree)\s?\}?", "°", text))
    for _ in range(_ROUNDS):
        before = text
        text = _FRACTION.sub(_fraction, _BOXED.sub(rf" {BOX}\1\2) ", _WRAPPER.sub(r"\1", text)))
        text = _SCRIPT.sub(r"\1\2", text)
        if text == before:
            break
    text = re.sub(r"\\(?:boxed|fbox)\b\s?\{?", f" {BOX}", _REPEATING.sub(r"(\1)", text))
    text = _COMMAND.sub(lambda found: f" {_PLAIN_COMMANDS.get(found[1], UNKNOWN)} ", text)
    text = re.sub(r"\^\s?(st|nd|rd|th)\b", r"\1", _without_braces(text.replace("\\", " ")))
    return text.replace(_DOLLAR_SIGN, "$")


def _fraction(found: re.Match[str]) -> str:
    """Fraction of two numbers as `a/b`, and any other one in brackets."""
    sign = "-" if found[1] else ""
    top, bottom = (part.strip("{} ").replace(",", "").replace(" ", "") for part in (found[2], found[3]))
    numbers = [_rational(part) for part in (top, bottom)]
    if top.isalpha() and bottom.isalpha():
        return f" {sign}{top}/{bottom} "
    if numbers[0] is None or not numbers[1]:
        return f" {sign}({top})/({bottom}) "
    if top.lstrip("-").isdigit() and bottom.isdigit():
        return f" {sign}{top}/{bottom} " if not (sign and top.startswith("-")) else f" {top[1:]}/{bottom} "
    value = numbers[0] / numbers[1] * (-1 if sign else 1)
    return f" {value.numerator}/{value.denominator} "


def _rational(part: str) -> Fraction | None:
    if not re.fullmatch(r"-?[0-9]{1,60}(?:\.[0-9]{1,20}|/[0-9]{1,20})?", part):
        return None
    try:
        return Fraction(part)
    except ZeroDivisionError:
        return None


def _without_braces(text: str) -> str:
    """Text without pairs of braces. A closing brace without an opening one becomes a bracket."""
    depth, kept = 0, []
    for sign in text:
        if sign == "{":
            depth += 1
        elif sign == "}":
            kept.append("" if depth else ")")
            depth = max(depth - 1, 0)
        else:
            kept.append(sign)
    return "".join(kept)
