"""Parser for program-of-thought paths: the program in a model's text.

It removes fences, tags, prompts, quote marks and prose, and joins the blocks of one program. A program ends before
another task. The sandbox finds the result. Never raises.
"""

import re
from collections.abc import Sequence

from service.paths.following import NEXT, SPEAKERS, TASKS, TOKENS
from service.paths.program.fences import Block, split_blocks
from service.paths.program.joining import Joined
from service.paths.program.source import CODE, MAX_SOURCE_CHARS, STRING, Source, read_source
from service.paths.thinking import split_thinking
from service.paths.work import limited
from service.sandbox.results import RESULT

MAX_PROGRAM_CHARS = MAX_SOURCE_CHARS
"""Maximum length of a program in characters. A longer program does not run."""

_MAX_BLOCKS = 50


def extract_program(text: str, *, complete: bool = True) -> str | None:
    """Program in the text of a model. See `find_program`."""
    return find_program(split_thinking(text).answer, complete=complete)


def find_program(answer: str, *, complete: bool = True) -> str | None:
    """Dedented program in a text without its thought, or None if there is nothing to run.

    Args:
        answer: the text.
        complete: whether the model ended the text itself. A program that was cut off runs up to its last whole line,
            and only if it has set `ans` by then.
    """
    if len(answer) > 2 * MAX_PROGRAM_CHARS:
        return None
    with limited():  # a source beyond the limit is not parsed
        return _extract(answer, complete)


def _extract(text: str, complete: bool) -> str | None:
    body = _ECHO.sub("", _NEWLINE.sub("\n", text), count=1)
    blocks = split_blocks(body, opened=_begins_inside_a_block(body))
    parts = _python_blocks(blocks)
    if not parts and (not blocks or blocks[0].language is not None):
        return None
    sources, ended = _program(blocks, parts or [0])
    program = "\n".join(source.text for source in sources)
    if not complete and not ended:
        program, _, cut_off = program.rpartition("\n")
        if cut_off.lstrip().startswith(RESULT) or not read_source(program).outline().states_answer:
            return None
    is_code = CODE.search(program) or (sources and _is_expression(sources[-1], "" if parts else body))
    return program if is_code and len(program) <= MAX_PROGRAM_CHARS else None


_NEWLINE = re.compile(r"\r\n?")
_ECHO = re.compile(r"\A\s*(?:#+ ?)?(?:\*\*)?(?:Python )?(?:Program|Python|Code)\s?:(?:\*\*)?[ \t]*", re.IGNORECASE)
_FENCE = re.compile(r"(?:`{3,}|~{3,})[ \t]*(\w*)")
_LABELS = (
    rf"(?:(?:{NEXT}) )?(?:{TASKS})(?:[ \t]?\#?\d{{1,3}})?|{SPEAKERS}"
    r"|reasoning|program|answer|(?:expected )?output|explanation|solution|note"
)
_TYPES = "int|float|complex|bool|str|list|dict|set|tuple|List|Dict|Set|Tuple|Optional|Union|Any|Fraction|Decimal"
_TOKENS = (  # with the role after the token, and with any other token of the form <|name|>
    r"<(?:\|im_start\||start_of_turn)>\w*|<\|start_header_id\|>\w*<\|end_header_id\|>|<\|(?!python_tag)\w{1,30}\|>"
    rf"|{TOKENS}"
)
# The lookaheads for one character only save time.
_AFTER = re.compile(
    rf"(?=[\"'])(?P<string>{STRING})|(?=[<\[])(?P<token>{_TOKENS})"
    r"|^(?:[ \t]{0,3}(?:\#{2,6}[ \t]*)?[*_]{0,3}+(?=[a-z])"
    rf"(?:{_LABELS})[*_]{{0,3}}[ \t]?:(?![ \t]*(?:{_TYPES})\b[^=\n]{{0,40}}=(?!=))"
    rf"|\#{{2,6}}[ \t]*(?:{TASKS})\b"
    r"|(?:So,? )?the (?:final )?answer is\b)",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
"""End of a program: the label of a task, a turn or an explanation, or a token of a chat template."""


def _begins_inside_a_block(text: str) -> bool:
    """Whether the text continues a block that the prompt opened: it begins with code, and its first fence is bare."""
    fence = _FENCE.search(text)
    if fence is None or fence[1]:
        return False
    before = text[: fence.start()].lstrip()
    return bool(CODE.match(before) or (before.startswith(("#", '"""', "'''")) and CODE.search(before)))


def _python_blocks(blocks: Sequence[Block]) -> list[int]:
    """Indices of the blocks that are named as Python, else of the unnamed blocks with code."""
    named = [i for i, block in enumerate(blocks) if block.is_python]
    unnamed = [i for i, block in enumerate(blocks) if block.language == "" and CODE.search(block.text)]
    return (named or unnamed)[:_MAX_BLOCKS]


def _program(blocks: Sequence[Block], parts: Sequence[int]) -> tuple[list[Source], bool]:
    """Blocks of one program, and whether its end is marked.

    A block continues the program that states a result if it reads a name of it. A correction replaces it. A last
    expression is a result of its cell, so that the next block replaces it, as in a notebook.
    """
    joined, passed, previous, chars = Joined(), Joined(), parts[0], 0
    for index in parts:
        text, cut = _before_the_rest(blocks[index].text, after_code=bool(joined.sources))
        chars += len(text)
        source = read_source(text) if chars <= MAX_PROGRAM_CHARS else Source(text, None)
        if not source.text:
            continue
        outline, ended = source.outline(), cut or blocks[index].closed
        between = blocks[previous + 1 : index]
        previous = index
        if joined.is_replaced_by(outline, between, text):
            joined, passed = Joined(), Joined()
        elif not joined.is_continued_by(outline, passed, between, text) and (ended or source.tree):
            passed.add(source, outline, ended=ended)
            continue
        elif outline.free & passed.assigned:
            joined.take(passed)
            passed = Joined()
        joined.add(source, outline, ended=ended)
    return joined.sources, joined.ended


def _is_expression(source: Source, text: str) -> bool:
    """Whether a source ends in an expression. Without a fence it must calculate, and be the whole text."""
    if not text:
        return source.ends_in_expression
    lines = [sum(1 for line in written.split("\n") if line.strip()) for written in (source.text, text)]
    return lines[0] == lines[1] and source.is_calculation


def _before_the_rest(text: str, *, after_code: bool) -> tuple[str, bool]:
    """Text up to another task or turn, and whether there is one. Labels before any code do not count."""
    start = 0
    code = CODE.search(text)
    first_code = -1 if after_code else code.start() if code else len(text)
    for found in _AFTER.finditer(text):
        if found["string"] is None and first_code < found.start():
            return text[start : found.start()], True
        if found["token"] is not None:
            start = found.end()
    return text[start:], False
