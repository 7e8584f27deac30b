"""its-hub as a library: self-consistency over a chat endpoint, plain or Beta.

    python its_hub_client.py plain|beta

Runs in its own environment. Two defaults are changed: the concurrency is not limited (default: 32 requests for all
problems), and a projection merges equal numbers. A text without an answer is its own candidate, as by default.
"""

import sys

from answers import stated
from its_hub import BetaSelfConsistency, LMOrchestrator, OpenAICompatibleLanguageModel, SelfConsistency
from protocol import Ask, Job, serve


def ask(job: Job) -> Ask:
    """Function that sends one question, for `protocol.serve`."""
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
        return str(reply["content"])

    return one


if __name__ == "__main__":
    serve(ask)
