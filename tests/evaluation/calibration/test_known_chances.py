"""Calibration of an engine whose paths are right with a known probability, through the solver of the service."""

import random
from dataclasses import replace

import pytest

from service.calibrated_models import made_for
from service.cli.backend import solving_on
from service.components import Components
from service.engine.base import Sampling
from service.engine.fake import FakeEngine
from service.evaluation.calibration.calibrate import Tried, calibrate_best
from service.evaluation.calibration.observed import observed
from service.evaluation.calibration.sampling import ProblemSamples, sample_problems, sampling_requests
from service.evaluation.calibration_error import expected_error
from service.evaluation.problems import LabeledProblem, is_right
from service.model.served import ServedModel
from service.schemas import PathBudget, SolveRequest
from service.settings import Settings
from service.types import Policy, Verdict
from tests.support.chance_samples import RATES, WRONG, chance_samples
from tests.support.components import fake_components
from tests.support.engines import computing_sandbox, cot, pot

pytestmark = pytest.mark.slow

BUDGET = PathBudget(cot=4, pot=4)


def chance(prompt: str, sampling: Sampling) -> str:
    """Path that is right with the probability of its problem. A wrong one often has the same wrong answer."""
    number = int(prompt.rpartition("Box ")[2].split()[0])
    rng = random.Random(f"{number}/{sampling.seed}")
    answer = 7 if rng.random() < RATES[number % len(RATES)] else rng.choice(WRONG)
    return cot(answer) if prompt.endswith("Reasoning:\n") else pot(answer)


def problems(first: int, count: int) -> list[LabeledProblem]:
    return [LabeledProblem(f"{n}", f"Box {n} has pens. How many?", "7") for n in range(first, first + count)]


async def sampled(components: Components, asked: list[LabeledProblem]) -> ProblemSamples:
    requests = sampling_requests(asked, BUDGET, seed=1)
    return await sample_problems(solving_on(components), asked, requests, 4, lambda: None)


async def test_the_service_states_the_known_probability() -> None:
    settings = Settings(cot_paths=4, pot_paths=4)
    async with fake_components(FakeEngine(chance), computing_sandbox(), settings=settings) as components:
        found = await sampled(components, problems(0, 120))
        model = components.models[0]
        content = calibrate_best([Tried(made_for(model, None, settings), found)], [], seed=1)
        calibrated = replace(components, models=(replace(model, calibration=content.calibration),))
        fresh = problems(1000, 250)
        responses = []
        for solver in (components, calibrated):
            solve = solving_on(solver)
            responses.append(
                [await solve(SolveRequest(problem=one.text, policy=Policy.ADAPTIVE, seed=9)) for one in fresh]
            )
    errors = []
    for answers in responses:
        right = [is_right(answer.answer, one.answer) for answer, one in zip(answers, fresh, strict=True)]
        errors.append(expected_error([answer.confidence for answer in answers], right, 10))
    before, after = errors
    assert before > 0.15 > 0.08 > after
    assert {answer.verdict for answer in responses[0]} <= {Verdict.AGREED, Verdict.UNSURE, Verdict.TORN, Verdict.NONE}
    likely = [answer for answer in responses[1] if answer.verdict is Verdict.LIKELY]
    share = sum(is_right(answer.answer, "7") for answer in likely) / len(likely)
    assert share == pytest.approx(content.likely.right / content.likely.problems, abs=0.08)
    assert share >= 0.7


def test_the_confidence_is_the_known_probability_on_other_problems() -> None:
    """The calibration of 150 problems, on 2000 further ones of the same rates."""
    samples = chance_samples(150, 4, seed=3)
    made_for_it = made_for(ServedModel("m"), None, Settings())
    found = calibrate_best(
        [Tried(made_for_it, ProblemSamples(tuple(samples), tuple(one.id for one in samples), ()))], [], seed=1
    )
    fresh = chance_samples(2000, 4, seed=4)
    seen = observed(fresh, 4, Policy.ADAPTIVE, found.calibration)
    confidences = [found.calibration.shifted(vote.share, vote.uses_all) for vote in seen]
    right = [vote.right for vote in seen]
    assert expected_error(confidences, right, 10) < 0.06
    likely = [good for confidence, good in zip(confidences, right, strict=True) if confidence >= 0.7]
    share = sum(likely) / len(likely)
    claimed = found.likely.right / found.likely.problems
    assert abs(share - claimed) < 0.08
    assert share > sum(right) / len(right)
