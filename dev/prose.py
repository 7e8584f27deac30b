"""Prose linter for documents, docstrings, comments and the web page.

    python -m dev.prose [PATH ...]

Checks sentence lengths, the openings of docstrings, and the word list in `dev/words.toml`.
"""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONFIG: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
LIMITS: dict[str, int] = CONFIG["limits"]
WORDS = {re.compile(rf"(?<![\w-])(?:{pattern})\b", re.IGNORECASE): hint for pattern, hint in CONFIG["words"].items()}
WH_WORD = re.compile(r"(what|who|whom|whose|whoever|how|where|when|why)\b", re.IGNORECASE)
_WH_AFTER_COLON = re.compile(r":\s+(what|who|whom|whose|whoever|how|why)\b", re.IGNORECASE)
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
_GENERATED = re.compile(r"<!-- figures: .*?<!-- /figures -->", re.DOTALL)
_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Example|Examples|Note):$")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|vs|cf|etc)\.")
_SCRIPT_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""", re.DOTALL
)
_HTML_TEXT = re.compile(r"""(?<=>)[^<>]+(?=<)|\b(?:alt|aria-label|content|placeholder|title)="[^"]*\"""")
PAGE_TEXTS = {".html": _HTML_TEXT, ".js": _SCRIPT_TEXT, ".css": _SCRIPT_TEXT}
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Violation of one rule."""

    line: int
    rule: str
    detail: str


@dataclass(frozen=True, slots=True)
class Block:
    """Paragraph, list item, heading or table row. Only prose has sentences."""

    line: int
    text: str
    is_prose: bool = True

    @property
    def sentences(self) -> list[list[str]]:
        """Words of each sentence."""
        text = _ABBREVIATION.sub(r"\1", self.text)
        found = [[word for word in part.split() if re.search(r"\w", word)] for part in _SENTENCE_END.split(text)]
        return [words for words in found if words and self.is_prose]


@dataclass(frozen=True, slots=True)
class Docstring:
    """Docstring of a module, class, function or constant."""

    line: int
    text: str
    is_module: bool = False

    @property
    def blocks(self) -> list[Block]:
        """Paragraphs and section entries without literal blocks."""
        blocks: list[Block] = []
        in_section, starts = False, True
        for number, line in enumerate(self.text.splitlines(), self.line):
            indent = len(line) - len(line.lstrip())
            if not line.strip():
                starts = True
            elif indent == 0 and _SECTION.match(line):
                in_section = starts = True
            elif line.lstrip().startswith("|") or (indent >= 4 and not in_section):
                starts = True
            else:
                in_section = in_section and indent > 0
                entry = in_section and indent == 4
                if starts or entry or _LIST_ITEM.match(line):
                    text = re.sub(r"^\s*[\w*., ]+:\s", "", line) if entry else _LIST_ITEM.sub("", line, count=1)
                    blocks.append(Block(number, plain(text)))
                else:
                    blocks[-1] = Block(blocks[-1].line, f"{blocks[-1].text}\n{plain(line.strip())}")
                starts = False
        return blocks


def plain(text: str) -> str:
    """Markdown text without code, links, images and emphasis. A code span counts as one word."""
    text = re.sub(r"`[^`]+`", "CODE", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+", "", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("*", "")


def markdown_blocks(text: str) -> list[Block]:
    """Blocks of a Markdown document without code and generated figures."""
    text = _GENERATED.sub(lambda found: "\n" * found[0].count("\n"), text)
    raw: list[tuple[int, str, bool]] = []
    fenced, starts, in_list = False, True, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced, starts = not fenced, True
        elif fenced or not line.strip():
            starts = True
        elif line.startswith(("#", "|")):
            raw.append((number, line.strip("#| ").replace("|", "."), False))
            starts, in_list = True, False
        elif item := _LIST_ITEM.match(line):
            raw.append((number, line[item.end() :], True))
            starts, in_list = False, True
        elif starts and line.startswith("    ") and not in_list:
            continue
        elif starts:
            raw.append((number, line, True))
            starts, in_list = False, in_list and line.startswith(" ")
        else:
            raw[-1] = (raw[-1][0], f"{raw[-1][1]}\n{line.strip()}", True)
    return [Block(number, plain(block), is_prose) for number, block, is_prose in raw]


def docstrings(source: str) -> Iterator[Docstring]:
    """Docstrings of a Python file, those below constants included."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not body:
            continue
        for index, statement in enumerate(body):
            text = statement.value.value if _is_constant(statement) else None
            if isinstance(text, str) and (index == 0 or isinstance(body[index - 1], ast.Assign | ast.AnnAssign)):
                text = re.sub(rf"^ {{{statement.col_offset}}}", "", text.strip(), flags=re.MULTILINE)
                yield Docstring(statement.lineno, text, index == 0 and isinstance(node, ast.Module))


def check_markdown(text: str) -> list[Finding]:
    """Findings of a Markdown document."""
    findings = []
    for block in markdown_blocks(text):
        findings += _long_sentences(block, LIMITS["markdown_sentence_words"]) + _words(block)
    return sorted(findings)


def check_python(source: str) -> list[Finding]:
    """Findings of the docstrings and comments of a Python file."""
    findings = []
    for docstring in docstrings(source):
        findings += _check_docstring(docstring)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            findings += _words(Block(token.start[0], plain(token.string)))
    return sorted(findings)


def check_page(source: str, texts: re.Pattern[str]) -> list[Finding]:
    """Findings in the parts of a web page's file that match the pattern. Only words are checked."""
    findings = []
    for found in texts.finditer(source):
        findings += _words(Block(source[: found.start()].count("\n") + 1, found[0]))
    return sorted(findings)


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _check_docstring(docstring: Docstring) -> list[Finding]:
    blocks, line = docstring.blocks, docstring.line
    findings = []
    if WH_WORD.match(docstring.text):
        findings.append(Finding(line, "opening", f"begins with {docstring.text.split()[0]!r}"))
    for block in blocks:
        findings += _long_sentences(block, LIMITS["docstring_sentence_words"]) + _words(block)
        if ";" in block.text:
            findings.append(Finding(block.line, "semicolon", "write two sentences"))
    for found in _WH_AFTER_COLON.finditer(plain(docstring.text)):
        findings.append(Finding(line, "opening", f"a question after a colon: {found[0]!r}"))
    if docstring.is_module:
        words = sum(len(sentence) for block in blocks for sentence in block.sentences)
        first = len(blocks[0].sentences[0]) if blocks else 0
        for rule, found_words in (("module_first_sentence_words", first), ("module_docstring_words", words)):
            if found_words > LIMITS[rule]:
                findings.append(Finding(line, rule, f"{found_words} words, at most {LIMITS[rule]}"))
    return findings


def _long_sentences(block: Block, limit: int) -> list[Finding]:
    return [
        Finding(block.line, "length", f"{len(words)} words, at most {limit}: {' '.join(words[:6])} …")
        for words in block.sentences
        if len(words) > limit
    ]


def _words(block: Block) -> list[Finding]:
    return [
        Finding(block.line + block.text[: found.start()].count("\n"), "word", f"{found[0]!r}: {hint}")
        for pattern, hint in WORDS.items()
        for found in pattern.finditer(block.text.replace("\n", " "))
    ]


def check(path: Path) -> list[Finding]:
    """Findings of one file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in PAGE_TEXTS:
        return check_page(text, PAGE_TEXTS[path.suffix])
    return check_python(text) if path.suffix == ".py" else check_markdown(text)


def files(paths: list[Path]) -> list[Path]:
    """Files that the linter can check among the paths and below them, without the excluded ones."""
    found = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))}
    excluded = {ROOT / name for name in CONFIG["exclude"]}
    return sorted(
        file for file in found if file.suffix in (".md", ".py", *PAGE_TEXTS) and file.resolve() not in excluded
    )


def main() -> None:
    """Print the findings and exit with 1 if there are any."""
    paths = [Path(name) for name in sys.argv[1:]] or [ROOT / name for name in CONFIG["paths"]]
    total = 0
    for file in files(paths):
        for finding in check(file):
            print(f"{file}:{finding.line}: {finding.rule}: {finding.detail}")
            total += 1
    if total:
        raise SystemExit(f"{total} findings. The rules are in dev/words.toml.")


if __name__ == "__main__":
    main()
