"""its-hub as a library: self-consistency over a chat endpoint, all samples at once, plain or with its Beta stopping.

Run in its own environment, as `python its_hub_client.py plain|beta`. Its defaults but for these: no limit to
concurrency (by default all problems share 32 requests), and a projection that merges equal numbers. A text without an
answer is its own candidate, as it is for its default projection; None would let such texts vote together.
"""

import sys

from answers import stated
from its_hub import BetaSelfConsistency, LMOrchestrator, OpenAICompatibleLanguageModel, SelfConsistency
from protocol import Ask, serve


def ask(job: dict) -> Ask:
    """See `protocol.serve`."""
    lm = OpenAICompatibleLanguageModel(
        endpoint=f"{job['url']}/v1",
        api_key="none",
        model_name=job["model"],
        temperature=job["temperature"],
        max_completion_tokens=job["max_tokens"],
    )
    kind = {"plain": SelfConsistency, "beta": BetaSelfConsistency}[sys.argv[1]]
    vote = kind(
        consistency_space_projection_func=lambda text: stated(text) or text,
        orchestrator=LMOrchestrator(max_concurrency=-1),
    )

    async def one(question: str) -> str:
        reply = await vote.ainfer(lm, question, budget=job["paths"])
        return reply["content"]

    return one


if __name__ == "__main__":
    serve(ask)
