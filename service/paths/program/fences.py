"""Blocks of code in a model's text: Markdown fences and tags."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Block of code, or the text between two blocks.

    Args:
        text: content.
        language: language after the opening fence in lower case, empty without one, or None outside blocks.
        closed: whether its end is marked.
    """

    text: str
    language: str | None
    closed: bool = True

    @property
    def is_python(self) -> bool:
        """Whether the block is named as Python."""
        return bool(self.language and _PYTHON.fullmatch(self.language))


def split_blocks(text: str, *, opened: bool = False) -> list[Block]:
    """Blocks of a text and the texts between them, in order, without blank ones.

    A second opening fence ends the block before it. An unclosed block runs to the end.

    Args:
        text: text of the model.
        opened: whether the text begins inside a block that the prompt opened.
    """
    blocks: list[Block] = []
    language = "python" if opened else None
    start = 0
    for mark in _MARK.finditer(text):
        role = _role(text, mark, is_open=language is not None)
        if role is not None:
            blocks.append(Block(text[start : mark.start()], language))
            language, start = role
    blocks.append(Block(text[start:], language, closed=False))
    return [block for block in blocks if block.text.strip()]


_MARK = re.compile(
    r"(?P<start>^[ \t>]{0,20})?(?:(?P<fence>`{3,}|~{3,})(?P<info>[^\n`~]{0,200})"
    r"|[<\[](?P<slash>/?)(?P<tag>llm-code-output|llm-code|code|python|program|execute|tool_code|pre|output)[>\]]"
    r"|(?P<token><\|python_tag\|>))",
    re.MULTILINE | re.IGNORECASE,
)
_LANGUAGE = re.compile(r"[ \t]*\{?\.?([A-Za-z][\w+#-]*)\}?")
_PYTHON = re.compile(
    r"python[\d.]*|py[\d.]*|ipython\d?|pycon|python-repl|tool_code|code|sage|jupyter|llm-code|program|execute|pre"
)
_CODE_ON_THE_LINE = re.compile(r"[ \t]+[A-Za-z_]\w*[ \t]*(?:[-+*/]?=(?![\"'])|\()|[ \t]+(?:import|from|def|for)\s")


_LINE_CHARS = 300
_STRINGS = re.compile(r"\"[^\"]*\"|'[^']*'")


def _is_outside_strings(text: str, end: int) -> bool:
    """Whether the code on the line before a fence has only closed strings and no comment."""
    line = text[max(0, end - _LINE_CHARS) : end].rpartition("\n")[2]
    return bool(line.strip()) and not any(sign in _STRINGS.sub("", line) for sign in "#\"'")


def _role(text: str, mark: re.Match[str], *, is_open: bool) -> tuple[str | None, int] | None:
    """Language and start of what follows a mark, or None if it marks nothing."""
    at_start = mark["start"] is not None
    at_end = mark.end() == len(text) or text[mark.end()] == "\n"
    if mark["token"]:
        return "python", mark.end()
    if mark["tag"]:
        if mark["slash"]:
            return (None, mark.end()) if is_open else None
        return (mark["tag"].lower(), mark.end()) if at_start else None
    info = mark["info"]
    word = _LANGUAGE.match(info)
    language = word[1].lower() if word else ""
    names_python = bool(_PYTHON.fullmatch(language))
    is_named = bool(word and (names_python or word.end() == len(info.rstrip())))
    if is_open and not (at_start and is_named):
        closes = at_start or (at_end and not info.strip()) or _is_outside_strings(text, mark.start("fence"))
        return (None, mark.end("fence")) if closes else None
    if word and is_named:
        if not (at_start or (names_python and at_end)):
            return None
        follows = _CODE_ON_THE_LINE.match(info, word.end()) or not at_end
        return language, mark.start("info") + word.end() if follows else mark.end()
    return ("", mark.end("fence")) if at_start else None
