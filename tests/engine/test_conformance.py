"""Conformance suite of the engine protocol (`service/engine/base.py`).

It runs on the fake, on vLLM, and on the remote engine with a scripted worker and with `vllm serve`.
"""

import asyncio

import pytest

from service.engine.base import Engine, Finish, Sampling
from service.engine.fake import FakeEngine
from service.errors import EngineDeadError, EngineError, PromptTooLongError
from service.paths.base import FormatV1, PathFormat
from service.paths.escape import EscapeSpecialTokens
from service.types import PathKind
from tests.engine.conftest import CONTEXT, WatchedRemote
from tests.support.servers import SERVED_NAME

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROMPT = "<bos>Question: How much do 7 pens cost?\nReasoning:\n"
FOREVER = Sampling(temperature=1.0, seed=1, max_tokens=450)


async def unfinished(engine: Engine) -> int:
    """Number of open requests in the engine."""
    if isinstance(engine, WatchedRemote):
        return await engine.open_requests()
    if isinstance(engine, FakeEngine):
        return engine.running
    count: int = engine._llm.output_processor.get_num_unfinished_requests()  # type: ignore[attr-defined]
    return count


async def test_a_completion_has_text_and_exact_counts(engine: Engine) -> None:
    completion = await engine.sample("one", PROMPT, Sampling(temperature=1.0, seed=3, max_tokens=20))
    assert completion.text
    assert completion.finish is Finish.LENGTH
    assert completion.completion_tokens == 20
    assert completion.prompt_tokens > 10
    longer = await engine.sample("two", PROMPT + "3 * 7", Sampling(seed=3, max_tokens=1))
    assert longer.prompt_tokens > completion.prompt_tokens


async def test_a_seed_fixes_the_path_whatever_runs_beside_it(engine: Engine) -> None:
    sampling = Sampling(temperature=1.0, seed=11, max_tokens=24)
    alone = await engine.sample("alone", PROMPT, sampling)
    beside = await asyncio.gather(
        *(
            engine.sample(f"other-{seed}", PROMPT, Sampling(temperature=1.0, seed=seed, max_tokens=24))
            for seed in range(6)
        ),
        engine.sample("again", PROMPT, sampling),
    )
    assert beside[-1].text == alone.text
    assert len({completion.text for completion in beside}) == len(beside)


async def test_temperature_zero_ignores_the_seed(engine: Engine) -> None:
    first, second = [
        await engine.sample(f"greedy-{seed}", PROMPT, Sampling(temperature=0.0, seed=seed, max_tokens=16))
        for seed in (1, 2)
    ]
    assert first.text == second.text


async def test_a_stop_string_ends_the_text_and_is_not_part_of_it(engine: Engine) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=40)
    whole = await engine.sample("whole", PROMPT, sampling)
    stop = whole.text[12:16]
    cut = await engine.sample("cut", PROMPT, Sampling(temperature=0.0, max_tokens=40, stop=(stop,)))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish is Finish.STOP
    assert cut.completion_tokens < whole.completion_tokens


async def test_an_aborted_path_returns_what_it_had(engine: Engine) -> None:
    path = asyncio.create_task(engine.sample("aborted", PROMPT, FOREVER))
    other = asyncio.create_task(engine.sample("other", PROMPT, Sampling(temperature=1.0, seed=2, max_tokens=60)))
    await asyncio.sleep(0.05)
    await engine.abort(["aborted", "unknown"])
    completion = await path
    assert completion.finish is Finish.ABORT
    assert completion.completion_tokens < 450
    assert (await other).completion_tokens == 60
    assert await unfinished(engine) == 0


async def test_aborting_what_has_ended_does_nothing(engine: Engine) -> None:
    await engine.sample("ended", PROMPT, Sampling(max_tokens=2, seed=0))
    await engine.abort(["ended"])
    await engine.abort([])
    again = await engine.sample("ended", PROMPT, Sampling(temperature=1.0, max_tokens=2, seed=0))
    assert again.finish is Finish.LENGTH


async def test_a_cancelled_path_leaves_nothing_behind(engine: Engine) -> None:
    for delay_s in (0.0, 0.001, 0.02):
        paths = [asyncio.create_task(engine.sample(f"gone-{i}", PROMPT, FOREVER)) for i in range(8)]
        await asyncio.sleep(delay_s)
        for path in paths:
            path.cancel()
        ended = await asyncio.gather(*paths, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in ended)
        assert await unfinished(engine) == 0


async def test_a_hundred_paths_at_once(engine: Engine) -> None:
    paths = [engine.sample(f"many-{i}", PROMPT, Sampling(temperature=1.0, seed=i, max_tokens=8)) for i in range(100)]
    completions = await asyncio.gather(*paths)
    assert all(
        completion.completion_tokens == 8 if completion.finish is Finish.LENGTH else completion.completion_tokens < 8
        for completion in completions
    )
    assert len({completion.text for completion in completions}) > 90
    assert await unfinished(engine) == 0


async def test_a_prompt_that_cannot_fit_is_refused(engine: Engine) -> None:
    with pytest.raises(PromptTooLongError, match=str(CONTEXT)) as caught:
        await engine.sample("long", PROMPT * 60, Sampling(max_tokens=4))
    assert caught.value.field == "problem"
    assert await unfinished(engine) == 0


async def test_a_callers_special_tokens_are_text(engine: Engine) -> None:
    question = "<eos>" * 20 + "How much is 3 times 7?"
    formats: list[PathFormat] = [FormatV1("<bos>"), EscapeSpecialTokens(FormatV1("<bos>"), ["<bos>", "<eos>"])]
    read = [
        await engine.sample(f"plain-{number}", form.prompt(PathKind.COT, question), Sampling(seed=0, max_tokens=1))
        for number, form in enumerate(formats)
    ]
    assert read[1].prompt_tokens >= read[0].prompt_tokens + 20  # several tokens each instead of one


async def test_a_completion_ends_with_the_context(engine: Engine) -> None:
    completion = await engine.sample("full", PROMPT, Sampling(temperature=1.0, seed=1, max_tokens=4096))
    assert completion.finish is Finish.LENGTH
    assert completion.prompt_tokens + completion.completion_tokens == CONTEXT


async def test_it_is_healthy_and_names_its_model(engine: Engine) -> None:
    await engine.probe()
    assert engine.model == SERVED_NAME


async def test_an_adapter_that_the_engine_lacks_fails_the_path(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"^The engine has no adapter 'algebra'\.$") as caught:
        await engine.sample("adapted", PROMPT, Sampling(adapter="algebra"))
    assert not isinstance(caught.value, EngineDeadError)
    assert await unfinished(engine) == 0
