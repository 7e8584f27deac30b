"""Tables of `benchmarks/gpu_training.py`, without its imports."""

import statistics
from typing import Any


def table(figures: dict[str, Any]) -> str:
    """Markdown: trainings with the hours of whole runs, then sampling."""
    sources = figures["recipe"]["sources"]
    heads = "".join(f" hours, {source} |" for source in sources)
    lines = [
        f"| student | trained | tokens/s | s per step | GPU memory, GiB | CoT loss | PoT loss |{heads}",
        f"|---|---|---:|---:|---:|---|---|{'---:|' * len(sources)}",
        *map(_training, figures["trainings"], [sources] * len(figures["trainings"])),
        "",
        "| student | paths at once | tokens/s, T = 0 | tokens/s, T = 0.7 | GPU memory, GiB |",
        "|---|---:|---:|---:|---:|",
        *map(_sampling, figures["sampling"]),
    ]
    return "\n".join(lines)


def _training(row: dict[str, Any], sources: dict[str, Any]) -> str:
    kind = "all weights" if row["adapter"] == "full" else "LoRA"
    kind += "" if row["gradient_checkpointing"] else ", no gradient checkpointing"
    hours = [f" {counts['tokens'] / row['tokens_per_s'] / 3600:.1f} |" for counts in sources.values()]
    return (
        f"| {row['student']} | {kind} | {row['tokens_per_s']:,.0f} | {statistics.median(row['step_s']):.2f} | "
        f"{row['peak_memory_gib']:.0f} | {' | '.join(map(_change, row['losses'].values()))} |{''.join(hours)}"
    )


def _change(losses: list[float | None]) -> str:
    """First and last loss of the steps with this kind."""
    known = [loss for loss in losses if loss is not None]
    return f"{known[0]:.1f} to {known[-1]:.1f}"


def _sampling(row: dict[str, Any]) -> str:
    return (
        f"| {row['student']} | {row['batch']:,} | {row['greedy_tokens_per_s']:,.0f} | "
        f"{row['sampled_tokens_per_s']:,.0f} | {row['peak_memory_gib']:.0f} |"
    )
