"""Plain client script for `vllm serve`: CoT and PoT samples, a count.

Both requests of a problem run at the same time, so vLLM shares the work of the prompt. Programs run by `subprocess`,
one per core, for at most two seconds and without a lock. The prompts are those of format v1.
"""

import asyncio
import os
import sys
from collections import Counter

from answers import number, stated
from openai import AsyncOpenAI
from protocol import Ask, Job, serve


def ask(job: Job) -> Ask:
    """Function that sends one question, for `protocol.serve`."""
    client = AsyncOpenAI(base_url=f"{job['url']}/v1", api_key="none", timeout=600, max_retries=0)
    cores = asyncio.Semaphore(os.cpu_count() or 1)

    async def sample(prompt: str) -> list[str]:
        completion = await client.completions.create(
            model=job["model"],
            prompt=prompt,
            n=job["paths"] // 2,
            temperature=job["temperature"],
            max_tokens=job["max_tokens"],
            extra_body={"add_special_tokens": False},
        )
        return [choice.text for choice in completion.choices]

    async def run(program: str) -> str | None:
        async with cores:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                f"{program}\nprint(ans)",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                output, _ = await asyncio.wait_for(process.communicate(), 2)
            except TimeoutError:
                process.kill()
                await process.wait()
                return None
        value: str | None = number(output.decode(errors="replace").strip())
        return value

    async def one(question: str) -> str:
        texts, programs = await asyncio.gather(
            *(sample(prompt.replace("{question}", question)) for prompt in job["prompts"])
        )
        answers = [stated(text) for text in texts] + await asyncio.gather(*map(run, programs))
        votes = Counter(answer for answer in answers if answer is not None)
        return votes.most_common(1)[0][0] if votes else ""

    return one


if __name__ == "__main__":
    serve(ask)
