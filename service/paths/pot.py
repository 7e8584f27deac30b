"""Program-of-thought paths: the program in a model's text.

In a request it stands between the engine and the sandbox. It cuts the program out of what surrounds it: code fences,
an echoed "Program:", prose before a fence, a following question. It does not judge whether the program is valid, and
where the result is found (`ans`, `solution()`, the last print) is the sandbox's work. It never raises.
"""

import re
import textwrap

MAX_PROGRAM = 20_000
"""Characters; a longer program is None."""

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([A-Za-z0-9_+.-]*)[ \t]*", re.MULTILINE)
_ECHO = re.compile(r"\A\s*(?:#+\s*)?(?:\*\*)?(?:Program|Python(?: program| code)?|Code)\s*:(?:\*\*)?[ \t]*", re.IGNORECASE)
_AFTER = re.compile(r"^(?:Question|Q|Reasoning|Program|Problem|Answer|Output|The answer is)\b[ \t]*:?.*", re.MULTILINE)
_CODE = re.compile(
    r"^[ \t]*(?:[A-Za-z_][\w.\[\], '\"]{0,200}[ \t]*(?::[ \t]*\w[\w\[\], .]{0,60})?[ \t]*(?:[-+*/%]|//|\*\*)?=(?!=)"
    r"|def[ \t]+\w+[ \t]*\(|print[ \t]*\(|ans\b|return\b|for[ \t]+\w.*:[ \t]*$|while[ \t].*:[ \t]*$"
    r"|(?:from|import)[ \t]+\w+)",
    re.MULTILINE,
)


def extract_program(text: str) -> str | None:
    """The program in `text`, dedented and without what surrounds it, or None where there is nothing to run."""
    if len(text) > 2 * MAX_PROGRAM:
        return None
    body = _ECHO.sub("", text.replace("\r\n", "\n").replace("\r", "\n"), count=1)
    fenced = _in_fences(body)
    program = _dedent(_before_the_rest(fenced if fenced is not None else body))
    if len(program) > MAX_PROGRAM or not _CODE.search(program):
        return None
    return program


def _in_fences(text: str) -> str | None:
    """What the first fence with code in it holds; an unclosed fence runs to the end. None without a fence.

    A text that starts inside a fence (the prompt opened it) ends at its first fence.
    """
    fences = list(_FENCE.finditer(text))
    if not fences:
        return None
    first = fences[0]
    if not first[1] and _CODE.search(text, 0, first.start()) and not _CODE.search(text, first.end()):
        return text[: first.start()]
    for opening, closing in zip(fences[::2], [*fences[1::2], None], strict=False):
        inside = text[opening.end() : closing.start() if closing else len(text)]
        if _CODE.search(inside):
            return inside
    return text[: first.start()]


def _before_the_rest(program: str) -> str:
    """Cut where another question, or prose that states the answer, begins."""
    after = _AFTER.search(program)
    while after and re.match(r"[A-Za-z]\w*[ \t]*(?:\[.*\])?[ \t]*[-+*/]?=", after[0]):
        after = _AFTER.search(program, after.end())  # a variable that is called Question, Answer or Q
    return program[: after.start()] if after else program


def _dedent(program: str) -> str:
    lines = [line.rstrip() for line in program.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    return textwrap.dedent("\n".join(lines)).rstrip()
