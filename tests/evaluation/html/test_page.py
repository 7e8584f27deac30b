"""Report of an evaluation: one file, with hostile texts escaped."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from service.evaluation.evaluate import Evaluation, evaluate
from service.evaluation.html.page import report_page
from service.evaluation.html.wrong import wrong_problem
from service.evaluation.problems import LabeledProblem
from service.evaluation.scoring import Solved, score
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.schemas.later_values import LaterValues
from service.schemas.words import DEMO, DEMO_MODEL
from service.types import PathKind, Policy, Status
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

HOSTILE = '</pre></details><script>alert(1)</script><img src=x onerror="alert(1)">'


async def evaluation_of(
    texts: list[str], *, gold: str = "1", question: str = "How many?", policy: Policy = Policy.FIXED
) -> Evaluation:
    """Two problems with the same question and the same paths. The second gold answer is 1."""
    half = (len(texts) + 1) // 2
    budget = PathBudget(cot=half, pot=len(texts) - half)

    async def solve(request: SolveRequest) -> SolveResponse:
        async with fake_components(TurnEngine(texts), computing_sandbox()) as components:
            return solve_response(await components.solve(components.problem(request), "id"), trace=True)

    problems = [LabeledProblem("a", question, gold), LabeledProblem("b", question, "1")]
    return await evaluate(solve, problems, policy=policy, budget=budget, seed=0, concurrency=1)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Tags()
    reader.feed(page)
    return reader.found


async def test_hostile_texts_are_only_text() -> None:
    texts = [f"{HOSTILE} The answer is 9", f"ans = 9  # {HOSTILE}", HOSTILE, HOSTILE]
    page = report_page(await evaluation_of(texts, gold="7", question=f"{HOSTILE} How many?"))
    found = tags(page)
    assert not {"script", "img", "iframe", "link", "object"} & {tag for tag, _ in found}
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert "<script" not in page


async def test_the_page_loads_nothing() -> None:
    page = report_page(await evaluation_of([cot(1), pot(1)]))
    assert not {"src", "href", "action", "data"} & {name for _, attributes in tags(page) for name in attributes}
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;; img-src data:" in page


async def test_the_summary_and_the_plots() -> None:
    page = report_page(await evaluation_of([cot(1), pot(1), cot(1), pot(2)], gold="2"))
    assert re.search(r"<b>50 %</b><span>right answers of the vote \(95 % interval: 9 to 91 %\)", page)
    assert "<h1>turns</h1>" in page
    assert "2 problems · policy fixed · seed 0" in page
    assert re.findall(r"<h3>([^<]+)</h3>", page) == [
        "Reliability: is the confidence right?",
        "Coverage: only the confident answers",
        "Accuracy against attempts",
        "Accuracy against tokens",
    ]
    assert page.count("<svg") == 4
    assert re.findall(r"<title>([^<]*attempts?: [^<]*attempts per problem)</title>", page) == [
        "1 + 1 attempts: 1 of 2 right, 2.0 attempts per problem",
        "2 + 2 attempts: 1 of 2 right, 4.0 attempts per problem",
        "1 attempt: 1 of 2 right, 1.0 attempts per problem",
        "2 attempts: 1 of 2 right, 2.0 attempts per problem",
        "1 attempt: 1 of 2 right, 1.0 attempts per problem",
        "2 attempts: 1 of 2 right, 2.0 attempts per problem",
    ]
    assert "This confidence was never measured." in page
    assert DEMO not in page


async def test_a_report_without_an_answer() -> None:
    page = report_page(await evaluation_of(["Hm.", "Hm."]))
    assert "2 problems without the right answer" in page
    assert "Reliability" not in page
    assert '<span class="chip none">No answer</span></td><td>2</td><td>–</td><td>–</td>' in page


async def test_the_demo_is_labeled() -> None:
    found = await evaluation_of([cot(1), pot(1)])
    demo = [Solved(one.problem, one.vote.model_copy(update={"model": DEMO_MODEL}), one.greedy) for one in found.solved]
    page = report_page(Evaluation(replace(found.report, model=DEMO_MODEL), tuple(demo)))
    assert f'<p class="demo">{DEMO}</p>' in page


async def test_a_wrong_problem_beside_its_attempts() -> None:
    texts = [cot(3), pot(3), "9 - 4 = 6. The answer is 6", "ans = 1 / 0", cot(3), "No program."]
    solved = (await evaluation_of(texts, gold="5")).solved[0]
    shown = wrong_problem(solved, score(solved))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))
    assert "a 5 → 3 Unsure: check it confidence 0.81 How many?" in text
    assert "3 2 explanations, 1 program explanations 1, 5 → 3 The answer is 3 program 2 → 3 ans = 3" in text
    assert "5 1 explanation the right answer explanation 3 → 5 (arithmetic corrected, stated 6)" in text
    assert "Without a result" in text
    assert "program 4 the program failed: the script does not contain this program ans = 1 / 0" in text
    assert "program 6 no answer found" in text


async def test_attempts_of_a_later_kind_are_shown() -> None:
    solved = (await evaluation_of([cot(3), pot(3)], gold="5")).solved[0]
    later = TypeAdapter(Annotated[PathKind, LaterValues()]).validate_python("proof")
    cot_path, *others = solved.vote.trace or []
    trace = [cot_path.model_copy(update={"kind": later}), *others]
    newer = Solved(solved.problem, solved.vote.model_copy(update={"trace": trace}), solved.greedy)
    assert re.findall(r'<p class="soft">(\w+ \d)', wrong_problem(newer, score(newer))) == ["program 2", "proof 1"]


async def test_attempts_that_did_not_end() -> None:
    texts = [cot(3), pot(3)] * 10
    solved = (await evaluation_of(texts, gold="5", policy=Policy.ADAPTIVE)).solved[0]
    stopped = solved.vote.paths.started - sum(path.outcome != "aborted" for path in solved.vote.trace or [])
    assert stopped > 0
    assert f"{stopped} attempts stopped by the decision." in wrong_problem(solved, score(solved))
    late = solved.vote.model_copy(update={"status": Status.DEADLINE})
    cut = Solved(solved.problem, late, solved.greedy)
    assert "Time ran out: 16 attempts cut off." in wrong_problem(cut, score(cut))


@pytest.mark.parametrize("answers", [[1, 1], [1, 2], [2, 2]])
async def test_every_wrong_problem_is_listed_once(answers: list[int]) -> None:
    found = await evaluation_of([cot(answers[0]), pot(answers[1])])
    assert report_page(found).count('<details class="wrong">') == len(found.report.wrong)
