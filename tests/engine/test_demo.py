"""The demo: right answers to the sample problems, improvised ones to others, the name `demo` in every response."""

import json
from collections import Counter
from pathlib import Path

import pytest

from service.engine.base import Sampling
from service.engine.fake import FakeEngine, demo, improvise
from service.paths.base import FormatV1
from service.sandbox.base import Execution, Outcome
from service.sandbox.fake import FakeSandbox
from service.types import PathKind
from tests.conftest import MakePool, Serve
from tests.support.sample_problems import ANSWERS, FILES, ROOT, problems_in, problems_of

LINES = (ROOT / "service/engine/demo.jsonl").read_text(encoding="utf-8").splitlines()
ROWS: list[dict[str, str]] = [json.loads(line) for line in LINES]
GREEDY = Sampling(temperature=0.0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_demo_knows_every_problem_of_the_documents_the_page_and_the_examples(path: Path) -> None:
    assert problems_in(path) - set(ANSWERS) == set()


async def test_the_demo_knows_every_problem_of_the_openapi_document(serve: Serve) -> None:
    client = await serve(demo_engine(), FakeSandbox())
    found = problems_of((await client.get("/openapi.json")).json())
    assert "A pen costs 3 dollars. How much do 7 pens cost?" in found
    assert found - set(ANSWERS) == set()


def test_the_page_s_samples_are_found() -> None:
    found = set().union(*(problems_in(path) for path in FILES if path.suffix == ".js"))
    assert {ANSWERS[problem] for problem in found} >= {"31", "36", "192", "51", "29"}


def test_a_problem_in_a_document_is_found() -> None:
    assert problems_of({"a": ['{"id": 1, "problem": "How much are 2 and 3?"}\n', "Why?"]}) == {"How much are 2 and 3?"}


@pytest.mark.parametrize(
    "seeds", [range(12), pytest.param(range(12, 150), marks=pytest.mark.slow)], ids=["few", "many"]
)
async def test_the_demo_answers_every_sample_problem_rightly(serve: Serve, make_pool: MakePool, seeds: range) -> None:
    sandbox = await played(make_pool)
    client = await serve(demo_engine(), sandbox)
    wrong, verdicts, answers = [], Counter[str](), Counter[int]()
    for problem, answer in ANSWERS.items():
        for seed in seeds:
            solution = (await client.post("/solve", json={"problem": problem, "seed": seed})).json()
            wrong += [(problem, seed)] if (solution["answer"], solution["model"]) != (answer, "demo") else []
            verdicts[solution["verdict"]] += 1
            answers[len(solution["votes"])] += 1
        greedy = (await client.post("/solve", json={"problem": problem, "temperature": 0})).json()
        assert (greedy["answer"], greedy["explanation"]["program"]["output"]) == (answer, answer)
    assert wrong == []
    assert verdicts["agreed"] > 0.85 * verdicts.total()
    assert answers[2] + answers[3] > answers.total() / 4  # a vote is seen, and not only a chorus


async def played(make_pool: MakePool) -> FakeSandbox:
    """Sandbox that plays the results of the demo's programs in the real one."""
    pool = make_pool()
    await pool.start()
    programs = {row["text"] for row in ROWS if row["kind"] == "pot"}
    results: dict[str, Execution] = {program: await pool.run(program) for program in programs}
    assert {result.outcome for result in results.values()} == {Outcome.OK}
    return FakeSandbox(results)


def demo_engine() -> FakeEngine:
    return FakeEngine(demo())


def prompt(question: str, kind: PathKind = PathKind.COT) -> str:
    return FormatV1("<bos>").prompt(kind, question)


def test_a_known_problem_is_played_by_its_seed() -> None:
    script, problem = demo(), ROWS[0]["problem"]
    for kind in PathKind:
        texts = [row["text"] for row in ROWS if (row["problem"], row["kind"]) == (problem, kind)]
        drawn = [script(prompt(problem, kind), Sampling(seed=seed)) for seed in range(200)]
        assert drawn == [demo()(prompt(problem, kind), Sampling(seed=seed)) for seed in range(200)]
        assert set(drawn) == set(texts)
        assert {script(prompt(problem, kind), Sampling(temperature=0.0, seed=seed)) for seed in range(9)} == {texts[0]}


def test_case_and_white_space_have_no_effect() -> None:
    problem = ROWS[0]["problem"]
    written = f"  {problem.upper()} ".replace(" ", "\n ")
    assert demo()(prompt(written), GREEDY) == ROWS[0]["text"]


@pytest.mark.parametrize("question", ["A pen costs 3 dollars. How much do 8 pens cost?", "9 pens and 4.", "", "Why?"])
@pytest.mark.parametrize("kind", PathKind)
def test_another_problem_is_improvised(question: str, kind: PathKind) -> None:
    for sampling in (GREEDY, *(Sampling(seed=seed) for seed in range(20))):
        assert demo()(prompt(question, kind), sampling) == improvise(prompt(question, kind), sampling)
