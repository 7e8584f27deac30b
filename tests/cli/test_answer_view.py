"""Answer view of `twinpath solve`, and the vote while it runs."""

import asyncio
import io
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from service.cli.answer_view import AnswerView, VoteInProgress, live_vote
from service.schemas import SolveResponse, Vote
from service.schemas.html import solution_html
from service.types import PathKind, PathOutcome, Policy, Status, Verdict
from tests.support.engines import cot, pot
from tests.support.solutions import voted

SURE = [24] * 20
GREEN = re.compile(r"\x1b\[[\d;]*(?<![\d])(?:32|92)m")


def shown(view: RenderableType, width: int = 80, encoding: str = "utf-8", **options: Any) -> str:
    """Output on a console of this width."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    Console(file=file, width=width, **options).print(view)
    return raw.getvalue().decode(encoding)


def written(view: RenderableType, **options: Any) -> list[str]:
    """Lines of the output, without empty ones and without the costs."""
    found = [line for line in shown(view, **options).splitlines() if line.strip()]
    assert found[-1].startswith("Took ")
    return found[:-1]


async def test_a_likely_answer() -> None:
    response = await voted(SURE, calibrated=True, policy=Policy.ADAPTIVE)
    assert shown(AnswerView(response, start_s=11.84), width=120) == (
        "\n"
        "Likely right   24\n"
        "76 of 100 answers with such a vote were right on problems that the model had not seen.\n"
        "\n"
        "  24  ●●■■  100 %  2 explanations, 2 programs\n"
        "\n"
        "  In words  The answer is 24\n"
        "\n"
        "  Program   ans = 24\n"
        "            → 24\n"
        "\n"
        f"Took less than 0.1 s after a start of 12 s. Stopping early saved about {response.usage.saved_tokens} tokens.\n"
    )
    assert response.usage.saved_tokens > 0


async def test_both_answers_of_a_tie_have_one_size() -> None:
    response = await voted([18, 48, 18, 48], calibrated=True)
    assert response.verdict is Verdict.TORN
    assert written(AnswerView(response), width=120) == [
        "Torn: 18 or 48?",
        "45 of 100 answers with such a vote were right on problems that the model had not seen.",
        "  18  ●●   50 %  2 explanations",
        "  48  ■■   50 %  2 programs",
        "The case for 18:",
        "  In words  The answer is 18",
    ]
    assert "\x1b[1;33mTorn: 18 or 48?\x1b[0m" in shown(
        AnswerView(response), force_terminal=True, color_system="standard"
    )


async def test_the_deadline_is_said_with_the_option_that_helps() -> None:
    response = await voted([18, 48, 18, *[18] * 17], ends=[0, 1, 2, 3])

    def late(total_s: float) -> SolveResponse:
        timing = response.timing.model_copy(update={"total_s": total_s})
        return response.model_copy(update={"timing": timing})

    assert written(AnswerView(late(0.07), deadline_s=0.05)) == [
        "Unsure: check it   18",
        "This confidence was never measured.",
        "Time ran out after 0.1 s: 16 attempts were cut off. Try --deadline-s 1.",
        "  18  ●●■   75 %  2 explanations, 1 program",
        "  48  ■     25 %  1 program",
        "  In words  The answer is 18",
        "  Program   ans = 18",
        "            → 18",
    ]
    for total_s, advised in ((30.1, 60), (2.2, 4), (2000.0, 3600)):
        assert f"Try --deadline-s {advised}." in shown(AnswerView(late(total_s)))


async def test_numbers_that_no_program_uses_are_named_under_the_program() -> None:
    response = await voted(SURE, calibrated=True, text="24 of 36 eggs in 12 boxes")
    assert written(AnswerView(response))[-2:] == [
        "            → 24",
        "            No program behind this answer uses 36 or 12.",
    ]


async def test_paths_that_a_limit_cut_off_are_said_with_the_limit() -> None:
    warning = "3 of 3 paths reached the limit of 320 tokens; raise `max_tokens`."
    none = (await voted([None, None, None])).model_copy(update={"warning": warning})
    assert written(AnswerView(none), width=120)[:3] == ["No answer", "No attempt had a result.", warning]
    some = (await voted([18, 18, None])).model_copy(update={"warning": warning})
    assert written(AnswerView(some), width=120)[2] == warning
    assert warning in solution_html(some)


async def test_no_answer_comes_with_advice() -> None:
    assert written(AnswerView(await voted([None, None, None])), width=120) == [
        "No answer",
        "No attempt had a result. Rephrase the problem with one clear question, or use a larger model.",
        "  3 attempts without a result",
    ]
    refused = await voted([24, 24, 36], min_confidence=0.9)
    assert written(AnswerView(refused, min_confidence=0.9), width=120) == [
        "No answer",
        "The confidence of 0.6875 is below your minimum of 0.9. Check the votes yourself, or lower the minimum.",
        "  24  ●■   67 %  1 explanation, 1 program",
        "  36  ●    33 %  1 explanation",
    ]


async def test_the_demo_is_the_first_line() -> None:
    response = (await voted(SURE)).model_copy(update={"model": "demo"})
    assert written(AnswerView(response))[:2] == [
        "Demo: scripted answers, many of them wrong. No model is running.", "The attempts agree   24",
    ]  # fmt: skip
    assert "Demo" not in shown(AnswerView(await voted(SURE)))


@pytest.mark.parametrize("calibrated", [True, False])
async def test_only_a_likely_answer_is_green(calibrated: bool) -> None:
    for votes in (SURE, [24, 36, 24, 24, 11], [18, 48], [None]):
        response = await voted(votes, calibrated=calibrated)
        view = shown(AnswerView(response), force_terminal=True, color_system="standard")
        assert bool(GREEN.search(view)) == (response.verdict is Verdict.LIKELY)
        assert "\x1b[" in view


async def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    view = shown(AnswerView(await voted(SURE, calibrated=True)), force_terminal=True)
    assert set(re.findall(r"\x1b\[([\d;]*)m", view)) <= {"0", "1", "2"}


async def test_a_terminal_without_the_symbols_gets_ascii() -> None:
    response = await voted([24, 24, 24, 36], played=["4 × 6 = 24. The answer is 24", pot(24), cot(24), pot(36)])
    view = shown(AnswerView(response), encoding="ascii")
    assert "  24  **#   75 %  2 explanations, 1 program\n" in view
    assert "  In words  4 ? 6 = 24. The answer is 24\n" in view
    assert "            -> 24\n" in view
    assert shown(VoteInProgress(20), encoding="latin-1").startswith("Thinking... 0 of 20 attempts in, 0.0 s\n")


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r[bold red]hi[/] \u202e\u2066\x00 "


async def test_texts_of_a_model_cannot_control_the_terminal() -> None:
    played = [HOSTILE + "The answer is 24", pot(24)]
    response = await voted([24, 24], played=played)
    program, rationale = response.explanation.program, response.explanation.cot
    assert program is not None
    assert rationale is not None
    assert "\x1b" in rationale.text
    program = program.model_copy(update={"code": f"{HOSTILE}\nans = 24", "output": f"24{HOSTILE}"})
    hostile = response.model_copy(
        update={
            "answer": f"24{HOSTILE}",
            "votes": [Vote(answer=f"24{HOSTILE}", cot=1, pot=1), Vote(answer=HOSTILE, cot=1, pot=1)],
            "explanation": response.explanation.model_copy(update={"program": program}),
        }
    )
    for verdict in (Verdict.UNSURE, Verdict.TORN):
        for encoding in ("utf-8", "ascii", "latin-1"):
            view = shown(AnswerView(hostile.model_copy(update={"verdict": verdict})), encoding=encoding)
            assert not set(view) & set(HOSTILE) - set(map(chr, range(32, 127)))
            assert view.count("[bold red]hi[/]") >= 4
    live = VoteInProgress(4)
    live.votes = hostile.votes
    assert not set(shown(live)) & set("\x1b\x9b\x07\r\u202e\u2066\x00")


@pytest.mark.parametrize("width", [20, 40, 80, 120])
async def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(width: int) -> None:
    words = [f"w{number}" for number in range(150)]
    text = " ".join(words)
    code = f"# {text}\nif True:\n    ans = 24"
    response = await voted([24] * 3 + [36] * 2, played=[f"{text}. The answer is 24", pot(24), *[cot(36)] * 3])
    program = response.explanation.program
    assert program is not None
    explanation = response.explanation.model_copy(update={"program": program.model_copy(update={"code": code})})
    view = shown(AnswerView(response.model_copy(update={"explanation": explanation})), width=width)
    assert all(len(line) <= width for line in view.splitlines())
    assert [word for word in view.split() if re.fullmatch(r"w\d+\.?", word)] == [*words[:-1], f"{words[-1]}.", *words]


async def test_many_votes_are_bars_and_rare_answers_are_summed_up() -> None:
    votes = [Vote(answer=str(number), cot=count, pot=count) for number, count in enumerate((20, 8, 4, 3, 2, 1, 1, 1))]
    votes.append(Vote(answer="9" * 40, cot=1, pot=0))
    response = (await voted(SURE)).model_copy(update={"votes": votes})
    view = shown(AnswerView(response))
    assert "  3 more answers with 5 votes\n" in view
    rows = re.findall(r"^  (\d)  ([●■]*) *  ([ \d]{3}) %  (.*)$", view, re.MULTILINE)
    assert [(answer, len(bar), share.strip()) for answer, bar, share, _ in rows] == [
        ("0", 12, "49"), ("1", 5, "20"), ("2", 2, "10"), ("3", 2, "7"), ("4", 1, "5"), ("5", 1, "2"),
    ]  # fmt: skip
    assert rows[0][3] == "20 explanations, 20 programs"


async def test_a_long_answer_is_cut_in_the_votes_only() -> None:
    response = await voted(SURE)
    long = response.model_copy(update={"answer": "9" * 40, "votes": [Vote(answer="9" * 40, cot=2, pot=2)]})
    assert written(AnswerView(long))[0] == f"The attempts agree   {'9' * 40}"
    assert f"  {'9' * 23}…  ●●■■  100 %  2 explanations, 2 programs\n" in shown(AnswerView(long))


@settings(max_examples=30)
@given(
    st.lists(st.none() | st.integers(1, 4), min_size=1, max_size=12),
    st.sampled_from(Policy),
    st.none() | st.integers(0, 12),
)
def test_every_figure_follows_from_the_trace(votes: list[int | None], policy: Policy, ends: int | None) -> None:
    """Share and kinds of each answer, attempts without a result, cut-off attempts, saved tokens."""
    late: dict[str, Any] = {} if ends is None or ends >= len(votes) else {"ends": range(ends), "deadline_s": 0.02}
    response = asyncio.run(voted(votes, policy=policy, **late))
    view = shown(AnswerView(response), width=120)
    paths = response.trace or []
    voters = [path for path in paths if path.vote is not None]

    by_kind = Counter((path.vote, path.kind) for path in voters)
    rows = re.findall(r"^  (\d)  (●*)(■*) *  ([ \d]{3}) %  (.*)$", view, re.MULTILINE)
    assert len(rows) == len({path.vote for path in voters})
    for answer, dots, squares, share, kinds in rows:
        explanations, programs = by_kind[answer, PathKind.COT], by_kind[answer, PathKind.POT]
        assert (len(dots), len(squares)) == (explanations, programs)
        assert abs(int(share) - 100 * (explanations + programs) / len(voters)) <= 0.5
        assert figures(kinds, "explanation", "program") == {"explanation": explanations, "program": programs}

    silent = sum(path.counted and path.outcome is not PathOutcome.VOTED for path in paths)
    assert figures(view, r"attempts? without a result") == {r"attempts? without a result": silent}
    is_late = response.status is Status.DEADLINE
    cut_off = len(votes) - sum(path.counted for path in paths)
    assert figures(view, r"attempts? (?:was|were) cut off").popitem()[1] == (cut_off if is_late else 0)

    ended = [path.tokens for path in paths if path.outcome is not PathOutcome.ABORTED]
    aborted = [path.tokens for path in paths if path.outcome is PathOutcome.ABORTED]
    estimate = (len(votes) - len(ended)) * sum(ended) / len(ended) - sum(aborted) if ended and not is_late else 0
    assert abs(figures(view, r"tokens?").popitem()[1] - max(0, estimate)) <= 0.5


def figures(text: str, *nouns: str) -> dict[str, int]:
    """Number before each noun, or 0 without it."""
    found = {noun: re.search(rf"(\d+) {noun}", text) for noun in nouns}
    return {noun: int(match[1]) if match else 0 for noun, match in found.items()}


@pytest.mark.parametrize(
    ("planned", "ended", "said"),
    [
        (20, 3, "3 of 20 attempts in"),
        (1, 0, "0 of 1 attempt in"),
        (None, 1, "1 attempt in"),
        (None, 3, "3 attempts in"),
    ],
)
def test_the_vote_while_it_runs(planned: int | None, ended: int, said: str) -> None:
    vote = VoteInProgress(planned)
    vote.ended = ended
    vote.votes = [Vote(answer="24", cot=1, pot=1), Vote(answer="36", cot=0, pot=1)]
    first, *rows = shown(vote).splitlines()
    assert re.fullmatch(rf"Thinking… {said}, 0\.\d s", first)
    assert rows == ["  24  ●■   67 %  1 explanation, 1 program", "  36  ■    33 %  1 program"]


@pytest.mark.parametrize(
    ("is_terminal", "is_shown", "term", "drawn"),
    [
        (True, True, "xterm", True),
        (True, False, "xterm", False),
        (False, True, "xterm", False),
        (True, True, "dumb", False),
    ],
)
def test_the_vote_is_drawn_on_a_terminal_only(
    is_terminal: bool, is_shown: bool, term: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    file = io.StringIO()
    with live_vote(Console(file=file, force_terminal=is_terminal), 20, is_shown=is_shown) as vote:
        vote.ended = 2
    assert ("Thinking… " in file.getvalue()) == drawn
    assert bool(file.getvalue()) == drawn
