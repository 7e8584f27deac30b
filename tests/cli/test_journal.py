"""Journal of an evaluation: every request is asked once, for one run only."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.evaluate import choices_of
from service.cli.journal import Responses
from service.cli.run_description import Run, run_of
from service.errors import ConfigurationError, EngineError
from service.evaluation.evaluate import Evaluation, Stage, evaluate
from service.evaluation.problems import LabeledProblem
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.settings import EngineKind, Settings
from service.types import Policy
from tests.support.components import fake_components
from tests.support.engines import TurnEngine, computing_sandbox, cot, pot

PROBLEMS = [LabeledProblem(f"{n}", f"How many in box {n}?", "1") for n in range(4)]


def described(
    settings: Settings, problems: list[LabeledProblem] = PROBLEMS, url: str | None = None, seed: int = 0
) -> Run:
    """Description of an evaluation, as the command makes it."""
    return run_of(settings, choices_of(settings, problems), url=url, seed=seed)


RUN = described(Settings())


def test_a_description_has_no_passwords() -> None:
    workers = Settings(engine=EngineKind.REMOTE, worker_urls=["http://user:secret@w0:1", "http://w1"])
    assert described(workers)["worker_urls"] == ["http://w0:1", "http://w1"]
    assert described(Settings(), url="https://user:secret@host/a")["url"] == "https://host/a"


class Asked:
    """Solve function that fails after a number of requests.

    Args:
        until: number of requests that it answers.
        model: reported name of the model.
    """

    def __init__(self, until: int = 100, model: str = "turns") -> None:
        self.requests: list[SolveRequest] = []
        self._until = until
        self._model = model

    async def __call__(self, request: SolveRequest) -> SolveResponse:
        if len(self.requests) == self._until:
            raise EngineError("the engine died")
        self.requests.append(request)
        async with fake_components(TurnEngine([cot(1), pot(2)]), computing_sandbox()) as components:
            response = solve_response(await components.solve(components.problem(request), "id"), trace=True)
        return response.model_copy(update={"model": self._model})


async def evaluated(path: Path, asked: Asked, run: dict[str, Any] = RUN) -> Evaluation:
    with Responses(path, run) as journal:
        return await evaluate(
            journal.over(asked), PROBLEMS, policy=Policy.FIXED, budget=PathBudget(cot=1, pot=1), seed=0, concurrency=1,
            earlier_s=journal.earlier_s[Stage.VOTE],
        )  # fmt: skip


@pytest.mark.parametrize("until", [0, 1, 3, 4, 5, 7, 8])
async def test_no_request_is_asked_twice(until: int, tmp_path: Path) -> None:
    path, first, second = tmp_path / "j", Asked(until), Asked()
    if until < 8:
        with pytest.raises(EngineError):
            await evaluated(path, first)
    else:
        await evaluated(path, first)
    with Responses(path, RUN) as journal:
        assert journal.earlier == {Stage.VOTE: min(until, 4), Stage.GREEDY: max(until - 4, 0)}
    resumed = await evaluated(path, second)
    assert len(first.requests + second.requests) == 8
    assert len({request.model_dump_json() for request in first.requests + second.requests}) == 8
    assert len(path.read_bytes().splitlines()) == 9
    whole = await evaluated(tmp_path / "whole", Asked())
    assert [row.answer for row in resumed.report.rows] == [row.answer for row in whole.report.rows]
    assert resumed.report.accuracy == whole.report.accuracy


async def test_a_partial_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j"
    await evaluated(path, Asked())
    whole = path.read_bytes()
    for cut in (1, 100, len(whole.splitlines(keepends=True)[-1]) - 1):
        path.write_bytes(whole[:-cut])
        asked = Asked()
        await evaluated(path, asked)
        assert len(asked.requests) == 1
        assert path.read_bytes().count(b"\n") == 9


@pytest.mark.parametrize("cut", [0, 1, 10, 200])
async def test_a_partial_header_is_written_again(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "j"
    await evaluated(path, Asked())
    path.write_bytes(path.read_bytes()[:cut])
    asked = Asked()
    await evaluated(path, asked)
    assert len(asked.requests) == 8


async def test_the_seconds_of_all_sessions_are_added(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with pytest.raises(EngineError):
        await evaluated(path, Asked(2))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[-1]["elapsed_s"] = 1000.0
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert 1000.0 <= (await evaluated(path, Asked())).report.seconds < 1010.0
    last = json.loads(path.read_text().splitlines()[-1])
    assert 1000.0 <= last["elapsed_s"] < 1010.0


@pytest.mark.parametrize(
    ("changes", "problems", "url", "seed", "reason"),
    [
        ({"policy": "fixed"}, PROBLEMS, None, 0, "policy was adaptive and is fixed now"),
        ({"cot_paths": 3}, PROBLEMS, None, 0, "cot was 10 and is 3 now"),
        ({"temperature": 0.5}, PROBLEMS, None, 0, "temperature was None and is 0.5 now"),
        ({"max_tokens": 5}, PROBLEMS, None, 0, "max_tokens was 320 and is 5 now"),
        ({"model": "other"}, PROBLEMS, None, 0, "model was None and is other now"),
        ({"prompt": "qwen"}, PROBLEMS, None, 0, "prompt was None and is qwen now"),
        ({}, PROBLEMS[:3], None, 0, "the problems differ"),
        ({}, PROBLEMS, "http://a", 0, "url was None and is http://a now"),
        ({}, PROBLEMS, None, 1, "seed was 0 and is 1 now"),
    ],
)
async def test_another_run_is_refused(
    changes: dict[str, Any], problems: list[LabeledProblem], url: str | None, seed: int, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "j"
    await evaluated(path, Asked())
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as raised:
        Responses(path, described(Settings(**changes), problems, url, seed))
    assert str(raised.value) == (
        f"{path} belongs to another run: {reason}. Delete the file to start again, or choose another one."
    )
    assert path.read_bytes() == before


async def test_settings_of_speed_may_change(tmp_path: Path) -> None:
    path = tmp_path / "j"
    await evaluated(path, Asked())
    settings = Settings(sandbox_workers=7, max_num_seqs=3, cache_dir=tmp_path)
    with Responses(path, described(settings)) as journal:
        assert sum(journal.earlier.values()) == 8


async def test_other_files_in_a_model_directory_are_another_run(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "twinpath.json").write_text("{}")
    settings = Settings(model=str(model))
    run = described(settings)
    assert described(settings) == run
    (model / "twinpath.json").write_text("{ }")
    assert described(settings)["model_files"] != run["model_files"]


async def test_other_words_in_a_prompt_file_are_another_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("name = 'mine'")
    settings = Settings(prompt=str(file))
    run = described(settings)
    assert described(settings) == run
    file.write_text("name = 'ours'")
    assert {name for name, value in described(settings).items() if value != run[name]} == {"prompt_file"}


async def test_another_model_at_the_same_address_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with pytest.raises(EngineError):
        await evaluated(path, Asked(3))
    with pytest.raises(ConfigurationError) as raised:
        await evaluated(path, Asked(model="other"))
    assert str(raised.value).startswith(f"{path} holds responses of the model turns, and the model is other now. ")
    assert path.read_bytes().count(b"\n") == 4


@pytest.mark.parametrize("content", ["hello", "hello\n", '{"id": 1}\n', "\n"])
def test_a_foreign_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="line 1: not a line of a journal"):
        Responses(path, RUN)
    assert path.read_text() == content


def test_a_journal_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Responses(path, RUN), pytest.raises(ConfigurationError, match=r"is in use by another process\.$"):
        Responses(path, RUN)
    with Responses(path, RUN) as journal:
        assert sum(journal.earlier.values()) == 0
