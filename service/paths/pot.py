"""Parser for program-of-thought paths: the program in a model's text.

It removes code fences, a repeated "Program:", prose before and after the program, and a following question. The
program is not checked, and the sandbox finds its result. Never raises.
"""

import re
import textwrap

MAX_PROGRAM_CHARS = 20_000
"""Maximum length of a program in characters. A longer program does not run."""


def extract_program(text: str) -> str | None:
    """Dedented program in a text, or None if there is nothing to run."""
    if len(text) > 2 * MAX_PROGRAM_CHARS:
        return None
    body = _ECHO.sub("", text.replace("\r\n", "\n").replace("\r", "\n"), count=1)
    program = _trim(_before_the_rest(_in_fences(body)))
    return program if len(program) <= MAX_PROGRAM_CHARS and _CODE.search(program) else None


_ECHO = re.compile(r"\A\s*(?:#+ ?)?(?:\*\*)?(?:Python )?(?:Program|Python|Code)\s?:(?:\*\*)?[ \t]*", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([A-Za-z0-9_+.-]*)[ \t]*", re.MULTILINE)
_AFTER = re.compile(
    r"^(?:Question|Reasoning|Program|Problem|Answer|Output)[ \t]*:(?![^\n=]*=)|^The answer is\b", re.MULTILINE
)
_PROSE = re.compile(r"(?:[A-Z][\w'’-]*|I),?(?: [^\s=\[\]{}#_()]+){2,}[.:!]\s*")

_NAME = r"[A-Za-z_]\w*(?:\.\w+|\[[^\]\n]{1,80}\])*"
_CODE = re.compile(
    rf"^[ \t]*(?:{_NAME}(?:[ \t]*,[ \t]*{_NAME})*[ \t]*(?::[ \t]*\w[^=\n]{{0,80}})?(?:[-+*/%]|//|\*\*)?=(?!=)"
    r"|def[ \t]+\w+[ \t]*\(|print[ \t]*\(|ans\b|return\b|(?:from|import)[ \t]+\w+)",
    re.MULTILINE,
)


def _in_fences(text: str) -> str:
    """Content of the first fence with code, or the text if it has no fence.

    An unclosed fence runs to the end. A text that starts inside a fence of the prompt ends at its first fence.
    """
    fences = list(_FENCE.finditer(text))
    if not fences:
        return text
    first = fences[0]
    if not first[1] and _CODE.search(text, 0, first.start()) and not _CODE.search(text, first.end()):
        return text[: first.start()]
    for opening, closing in zip(fences[::2], [*fences[1::2], None], strict=False):
        inside = text[opening.end() : closing.start() if closing else len(text)]
        if _CODE.search(inside):
            return inside
    return text[: first.start()]


def _before_the_rest(program: str) -> str:
    """Program up to another question or a statement of the answer."""
    after = _AFTER.search(program)
    return program[: after.start()] if after else program


def _trim(program: str) -> str:
    """Program without blank lines and sentences around it, and without common indentation."""
    lines = [line.rstrip() for line in program.split("\n")]
    code = [number for number, line in enumerate(lines) if line and not _PROSE.fullmatch(line)]
    return textwrap.dedent("\n".join(lines[code[0] : code[-1] + 1])) if code else ""
