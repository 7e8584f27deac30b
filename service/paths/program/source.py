"""Python source in a model's text: cleaning and names.

The cleaning removes prompts, quote marks and prose, and writes typographic signs in ASCII, until the source parses.
"""

import ast
import builtins
import itertools
import keyword
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.paths.work import WorkLimitError, spend
from service.sandbox.printed import states_result
from service.sandbox.results import ANSWER_NAMES, RESULT

_MAX_ATTEMPTS, _MAX_PARSED_CHARS = 10, 30_000
_WORK_PER_TOKEN = 4
_TOKEN = re.compile(r"\w+|[^\w\s]|\n")
_MAX_LINE_CHARS = 400  # of a line that is searched for prose

_NAME = r"[A-Za-z_]\w*(?:\.\w+|\[[^\]\n]{1,80}\])*"
CODE = re.compile(
    rf"^[ \t>]*(?:In \[\d+\]:[ \t]*)?(?:{_NAME}(?:[ \t]*,[ \t]*{_NAME})*[ \t]*(?::[ \t]*\w[^=\n]{{0,80}})?"
    r"(?:[-+*/%]|//|\*\*)?=(?!=)|def[ \t]+\w+[ \t]*\(|print[ \t]*\(|ans\b|return\b|(?:from|import)[ \t]+\w+)",
    re.MULTILINE,
)
"""Start of a line that is code and no prose."""

STRING = r"\"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)|'''(?:[^\\]|\\.)*?(?:'''|\Z)"
"""String in triple quotes, as a regular expression for the mode DOTALL. An unclosed one runs to the end."""

MAX_SOURCE_CHARS = 20_000
"""Maximum length of source that is parsed."""


@dataclass(frozen=True, slots=True)
class Source:
    """Python source in a text.

    Args:
        text: the source.
        tree: its syntax tree, or None if it does not parse.
    """

    text: str
    tree: ast.Module | None

    @property
    def ends_in_expression(self) -> bool:
        """Whether its last statement is an expression."""
        return bool(self.tree and self.tree.body and isinstance(self.tree.body[-1], ast.Expr))

    @property
    def is_calculation(self) -> bool:
        """Whether it is one calculation with numbers and builtin functions, after texts."""
        if not self.tree or not self.tree.body:
            return False
        *texts, last = self.tree.body
        if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.BinOp | ast.Call):
            return False
        nodes = list(_nodes(last))
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        return (
            all(map(_is_text, texts))
            and all(hasattr(builtins, name) or name == "math" for name in names)
            and any(isinstance(node, ast.Constant) and isinstance(node.value, int | float) for node in nodes)
        )

    def outline(self) -> "Outline":
        """Names that it uses, and results that it states."""
        return _outline(self.tree.body if self.tree else [])


@dataclass(frozen=True, slots=True)
class Outline:
    """Names and results of a source.

    Args:
        assigned: names that it assigns, defines or imports.
        free: names that it reads before it assigns them.
        states_answer: whether it assigns `ans` or another name of an answer.
        states_result: whether it states an answer, prints a value, returns, or defines a function without arguments.
    """

    assigned: frozenset[str]
    free: frozenset[str]
    states_answer: bool
    states_result: bool


def read_source(text: str) -> Source:
    """Source in a text that parses, or the text if it is too long or cannot be cleaned."""
    source = _trim(_without_prompts(text))
    if len(source) > MAX_SOURCE_CHARS:
        return Source(source, None)
    parsed = _parse(source)
    if isinstance(parsed, ast.Module):
        return Source(source, parsed)
    return _without_prose(_in_ascii(source)) or Source(source, None)


_PROMPT = re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: |$)")
_CELL = re.compile(r"^[ \t]*(?:In \[\d*\]:|\.{3,5}:)[ \t]?|^[ \t]*Out\[\d*\]:.*|^[%!]{1,2}[a-z].*", re.MULTILINE)
_QUOTED = re.compile(r"[ \t]*>(?!>>) ?")
_TICKED = re.compile(r"^`([^`\n]+)`$", re.MULTILINE)

_LITERAL = re.compile(rf"{STRING}|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|#[^\n]*", re.DOTALL)
_ASCII = str.maketrans(
    {0xFF01 + i: 0x21 + i for i in range(94)}
    | dict.fromkeys("×∗⋅·", "*")
    | dict.fromkeys("÷∕⁄", "/")
    | dict.fromkeys("−–—‐‑", "-")
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("‘’", "'")
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u2060\ufeff$€£₹", "")
    | {"≤": "<=", "≥": ">=", "≠": "!=", "²": "**2", "³": "**3", "、": ",", "…": "..."}
)
_HEADER = re.compile(
    r"\s*(?:(?:if|for|while|elif|with|class|def|except|match|case)\b.*:\s*(?:#.*)?$|(?:else|try|finally|except)\s*:"
    r"|@\w|#|(?:raise|assert|del|global|yield)\b|(?:pass|break|continue)\s*$|[\])}]+[,)]?\s*$)"
)
_EXPRESSION = re.compile(r"\s*(?:\w+\(.*\)|\(?([A-Za-z_]\w*)\b.*)\s*$")
_WORD = re.compile(r"[^\W_][\w'’-]*")
_KEYWORDS = frozenset({*keyword.kwlist, *keyword.softkwlist})


def _without_prompts(text: str) -> str:
    """Source without the prompts of a console or a notebook, without quote marks and without shown outputs."""
    lines = text.split("\n")
    code = [line for line in lines if line.strip()]
    if code and all(map(_QUOTED.match, code)):
        lines = [_QUOTED.sub("", line, count=1) for line in lines]
    if any(line.lstrip().startswith(">>> ") for line in lines):
        lines = [_PROMPT.sub("", line, count=1) for line in lines if _PROMPT.match(line)]
    return _TICKED.sub(r"\1", _CELL.sub("", "\n".join(lines)))


def _trim(text: str) -> str:
    """Source without blank lines around it, and without common indentation."""
    return textwrap.dedent("\n".join(line.rstrip() for line in text.split("\n")).strip("\n"))


def _in_ascii(source: str) -> str:
    """Source with typographic signs outside its strings and comments replaced."""
    parts, end = [], 0
    for literal in _LITERAL.finditer(source):
        parts += [source[end : literal.start()].translate(_ASCII), literal[0]]
        end = literal.end()
    return "".join([*parts, source[end:].translate(_ASCII)]).expandtabs(4)


def _without_prose(source: str) -> Source | None:
    """Source without the lines that are neither valid nor code, or None if there are too many or code is one."""
    lines = source.split("\n")
    names = {found.strip() for found in re.findall(r"^[ \t]*(?:def )?([A-Za-z_]\w*)[ \t]*[=(]", source, re.MULTILINE)}
    parsed_chars = 0
    for _ in range(_MAX_ATTEMPTS):
        text = _trim("\n".join(lines))
        parsed_chars += len(text)
        parsed = _parse(text) if parsed_chars <= _MAX_PARSED_CHARS else None
        if isinstance(parsed, ast.Module):
            return Source(text, parsed)
        lines = text.split("\n")
        if parsed is None or not 0 < parsed <= len(lines) or _is_code(lines[parsed - 1], names):
            return None
        before, after = lines[: parsed - 1], lines[parsed:]
        if not any(_is_code(line, names) for line in after):
            lines = before
        elif not any(_is_code(line, names) for line in before):
            lines = after
        else:
            lines = [*before, "", *after]
    return None


def _is_code(line: str, names: set[str]) -> bool:
    """Whether a line is code and no prose. Code has no two words side by side without a keyword."""
    bare = _LITERAL.sub('""', line[:_MAX_LINE_CHARS])
    words = list(_WORD.finditer(bare))
    for first, second in itertools.pairwise(words):
        if bare[first.end() : second.start()].isspace() and not _KEYWORDS & {first[0], second[0]}:
            return False
    if CODE.match(line) or _HEADER.match(line):
        return True
    expression = _EXPRESSION.match(bare)
    return bool(expression and (expression[1] is None or expression[1] in names))


def _parse(source: str) -> ast.Module | int | None:
    """Syntax tree of a program, else the line of its error, else None."""
    try:
        spend(_WORK_PER_TOKEN * len(_TOKEN.findall(source)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes
            return ast.parse(source)
    except SyntaxError as error:
        return error.lineno
    except (ValueError, RecursionError, MemoryError, WorkLimitError):  # CPython limits the depth of a program
        return None


def _outline(body: Sequence[ast.stmt]) -> Outline:
    assigned: set[str] = set()
    free: set[str] = set()
    for statement in body:
        stored, loaded = _names(statement)
        free |= loaded - assigned - (set() if isinstance(statement, ast.Assign | ast.AugAssign) else stored)
        assigned |= stored
    states_answer = any(name.lower() in (RESULT, *ANSWER_NAMES) for name in assigned)
    states_result = states_answer or any(map(_states_result, body))
    return Outline(frozenset(assigned), frozenset(free), states_answer, states_result)


def _nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Nodes of a statement without contexts and operators. `ast.walk` takes twice the time."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                waiting.append(value)


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that a statement assigns, defines or imports, and names that it reads."""
    stored: set[str] = set()
    loaded: set[str] = set()
    for node in _nodes(statement):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
        elif isinstance(node, ast.alias):
            stored.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            stored.add(node.arg)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        loaded.add(statement.target.id)
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}, loaded - stored
    return stored, loaded


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _states_result(statement: ast.stmt) -> bool:
    """Whether a statement prints a value, returns, or defines a function that needs no arguments."""
    if isinstance(statement, ast.FunctionDef):
        arguments = statement.args
        return (
            len(arguments.posonlyargs + arguments.args) == len(arguments.defaults) and None not in arguments.kw_defaults
        )
    if isinstance(statement, ast.AsyncFunctionDef | ast.ClassDef):
        return False
    nodes = list(_nodes(statement))
    greetings = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _prints_only_words(node)}
    return any(
        isinstance(node, ast.Return)
        or (isinstance(node, ast.Name) and node.id == "print" and id(node) not in greetings)
        for node in nodes
    )


def _prints_only_words(call: ast.Call) -> bool:
    """Whether each argument of a call is a text without a number, yes or no."""
    return all(
        isinstance(argument, ast.Constant) and isinstance(argument.value, str) and not states_result(argument.value)
        for argument in call.args
    )
