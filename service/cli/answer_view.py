"""Answer view of the terminal, and the vote while it runs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.syntax import Syntax
from rich.text import Text

from service.cli.styles import STYLES
from service.limits import MAX_DEADLINE_S
from service.printable import one_line, printable
from service.schemas import SolveResponse, Vote, words
from service.types import Verdict

_COT, _POT, _NOTE = "cyan", "magenta", "yellow"
_PYTHON = Syntax("", "python", theme="ansi_dark", background_color="default")  # on light terminals too
_MAX_ANSWERS = 6
_MAX_ANSWER_CHARS = 24
_MAX_BAR = 24
_MIN_BAR = 6
_INDENT = 2
_LABEL = 12
_FRAMES_PER_S = 10


@dataclass(frozen=True, slots=True)
class _Symbols:
    cot: str
    pot: str
    arrow: str
    more: str


_UNICODE = _Symbols("●", "■", "→", "…")
_ASCII = _Symbols("*", "#", "->", "...")


@dataclass(frozen=True, slots=True)
class AnswerView:
    """Verdict, votes, explanation, program, and costs of a response.

    Args:
        response: the response.
        deadline_s: deadline of the request in seconds, if it is known.
        min_confidence: minimum confidence of the request, in [0, 1].
        start_s: seconds to start the engine. 0 if it ran already.
    """

    response: SolveResponse
    deadline_s: float | None = None
    min_confidence: float = 0.0
    start_s: float = 0.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines of the view."""
        response = self.response
        yield Text()
        if response.model == words.DEMO_MODEL:
            yield Text(words.DEMO, f"bold {_NOTE}")
        yield from self._verdict(options.encoding)
        if response.votes or response.paths.abstained:
            yield Text()
        yield from _votes(response.votes, options)
        if response.paths.abstained:
            yield Text(f"  {words.number(response.paths.abstained, 'attempt')} without a result", "dim")
        yield from self._explanation(console, options)
        yield Text()
        start = f" after a start of {words.duration(self.start_s)}" if self.start_s else ""
        costs = [f"Took {words.duration(response.timing.total_s)}{start}.", words.savings(response)]
        yield Text(" ".join(filter(None, costs)), "dim")

    def _verdict(self, encoding: str) -> Iterator[Text]:
        response = self.response
        head = Text(one_line(words.headline(response), encoding), f"bold {STYLES[words.color(response.verdict)]}")
        if response.answer is not None and response.verdict is not Verdict.TORN:
            head.append(f"   {one_line(response.answer, encoding)}", "bold default")
        yield head
        if response.answer is None:
            yield Text(words.advice(response, self.min_confidence))
        else:
            yield Text(words.meaning(response))
        if response.warning:
            yield Text(one_line(response.warning, encoding), _NOTE)
        if late := words.cut_off(response, self.deadline_s):
            longer_s = min(MAX_DEADLINE_S, max(1, round(2 * response.timing.total_s)))
            yield Text(f"{late} Try --deadline-s {longer_s}.", _NOTE)

    def _explanation(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        encoding, symbols = options.encoding, _symbols(options)
        explanation = self.response.explanation
        if self.response.verdict is Verdict.TORN:  # only the leader has an explanation
            yield Text(f"\nThe case for {one_line(self.response.answer or '', encoding)}:")
        if explanation.cot:
            yield Text()
            yield from _labeled("In words", Text(printable(explanation.cot.text, encoding)), console, options)
        if program := explanation.program:
            code = _PYTHON.highlight(printable(program.code, encoding))
            code.rstrip()
            code.append(f"\n{symbols.arrow} {one_line(program.output, encoding)}", "bold")
            yield Text()
            yield from _labeled("Program", code, console, options)
        if unused := words.left_out(self.response):
            yield from _labeled("", Text(one_line(unused, encoding), _NOTE), console, options)


class VoteInProgress:
    """Vote so far, which `live_vote` draws again and again.

    Args:
        planned: number of attempts that the vote may take, if it is known.

    Attributes:
        ended: number of attempts that ended.
        votes: votes so far, the leader first.
    """

    def __init__(self, planned: int | None) -> None:
        self.ended = 0
        self.votes: Sequence[Vote] = ()
        self._planned = planned
        self._began = time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines of the view."""
        planned = self._planned or self.ended
        attempts = f"{self.ended} of {planned}" if self._planned else f"{self.ended}"
        noun = "attempt" if planned == 1 else "attempts"
        elapsed_s = time.monotonic() - self._began
        yield Text(f"Thinking{_symbols(options).more} {attempts} {noun} in, {elapsed_s:.1f} s")
        yield from _votes(self.votes, options)


@contextmanager
def live_vote(console: Console, planned: int | None, *, is_shown: bool) -> Iterator[VoteInProgress]:
    """Vote that is drawn on a terminal while it runs, and erased at the end.

    Args:
        console: console of the view. Nothing is drawn if it is not a terminal.
        planned: number of attempts that the vote may take, if it is known.
        is_shown: whether to draw.
    """
    vote = VoteInProgress(planned)
    if not (is_shown and console.is_interactive):
        yield vote
        return
    with Live(vote, console=console, transient=True, refresh_per_second=_FRAMES_PER_S):
        yield vote


def _votes(votes: Sequence[Vote], options: ConsoleOptions) -> Iterator[Text]:
    """One line per answer: answer, votes on the scale of all counted votes, share, and votes of each kind.

    Each symbol is one vote, unless there are too many votes for a line. Then the line has a bar.
    """
    symbols = _symbols(options)
    total = words.counted(votes)
    rows = [(_short(vote.answer, options), vote) for vote in votes[:_MAX_ANSWERS]]
    answer_width = max((len(answer) for answer, _ in rows), default=0)
    space = options.max_width - _INDENT - answer_width - len("    100 %  ")
    kinds_width = max((len(_kinds(vote)) for _, vote in rows), default=0)
    has_kinds = space - kinds_width >= _MIN_BAR
    space = max(0, min(_MAX_BAR, space - has_kinds * kinds_width))
    is_bar = total > space
    width = space if is_bar else max((vote.cot + vote.pot for _, vote in rows), default=0)
    for answer, vote in rows:
        cot, pot = _bar(vote, total, width) if is_bar else (vote.cot, vote.pot)
        line = Text.assemble(
            " " * _INDENT,
            (answer.rjust(answer_width), "bold"),
            "  ",
            (symbols.cot * cot, _COT),
            (symbols.pot * pot, _POT),
            " " * (width - cot - pot),
            f"  {words.percent(vote.cot + vote.pot, total):>3} %",
            no_wrap=True,
            overflow="crop",
        )
        yield line.append(f"  {_kinds(vote)}", "dim") if has_kinds else line
    if rest := votes[_MAX_ANSWERS:]:
        others = words.counted(rest)
        yield Text(f"  {words.number(len(rest), 'more answer')} with {words.number(others, 'vote')}", "dim")


def _bar(vote: Vote, total: int, width: int) -> tuple[int, int]:
    """Lengths of both parts of a bar of `width` characters for all votes."""
    cot = round(width * vote.cot / total)
    return cot, round(width * (vote.cot + vote.pot) / total) - cot


def _kinds(vote: Vote) -> str:
    counts = [(vote.cot, "explanation"), (vote.pot, "program")]
    return ", ".join(words.number(count, noun) for count, noun in counts if count)


def _labeled(label: str, body: Text, console: Console, options: ConsoleOptions) -> Iterator[Text]:
    """Text wrapped to the right of its label."""
    wrapped = body.wrap(console, max(_LABEL, options.max_width - _LABEL), no_wrap=False, overflow="fold")
    for number, line in enumerate(wrapped):
        line.rstrip()
        shown = label if number == 0 else ""
        yield Text.assemble(" " * _INDENT, (shown, "bold"), " " * (_LABEL - _INDENT - len(shown)), line)


def _short(answer: str, options: ConsoleOptions) -> str:
    shown, more = one_line(answer, options.encoding), _symbols(options).more
    return shown if len(shown) <= _MAX_ANSWER_CHARS else shown[: _MAX_ANSWER_CHARS - len(more)] + more


def _symbols(options: ConsoleOptions) -> _Symbols:
    return _ASCII if options.ascii_only else _UNICODE
