"""Tables of `benchmarks/gpu_training.py`, without its imports."""

from collections import Counter
from typing import Any

from benchmarks.results import spread


def table(figures: dict[str, Any]) -> str:
    """Markdown: trainings with the minutes of whole runs, their kernels, resumed trainings, then sampling."""
    recipe = figures["recipe"]
    sizes = _by_set(recipe["sources"])
    heads = "".join(f" min, {name} |" for name in sizes)
    lines = [
        f"{figures['gpu']}, {figures['gpu_memory_gib']:.0f} GiB. Minutes are those of {recipe['epochs']} epochs.",
        "",
        f"| student | trained | tokens/s | s per step | memory, GiB | CoT loss | PoT loss |{heads}",
        f"|---|---|---:|---:|---:|---|---|{'---:|' * len(sizes)}",
        *(_training(row, sizes) for row in figures["trainings"]),
        "",
        *(line for row in figures["trainings"] for line in _remarks(row)),
        "",
        "| sampled student | paths at once | tokens/s, first batch | tokens/s, second batch | memory, GiB |",
        "|---|---:|---:|---:|---:|",
        *map(_sampling, figures["sampling"]),
    ]
    return "\n".join(lines)


def _by_set(sources: dict[str, Any]) -> Counter[str]:
    """Tokens of a whole training by problem set. `+numbers` marks copies of a set with other numbers."""
    sizes: Counter[str] = Counter()
    for source, counts in sources.items():
        sizes[source.partition("+")[0]] += counts["tokens"]
    return sizes


def _training(row: dict[str, Any], sizes: Counter[str]) -> str:
    minutes = [f" {tokens / row['tokens_per_s'] / 60:.1f} |" for tokens in sizes.values()]
    return (
        f"| {row['student']} | {_kind(row)} | {row['tokens_per_s']:,.0f} | {spread(row['step_s'], '.2f')} | "
        f"{row['peak_memory_gib']:.0f} | {' | '.join(map(_change, row['losses'].values()))} |{''.join(minutes)}"
    )


def _kind(row: dict[str, Any]) -> str:
    kind = "all weights" if row["adapter"] == "full" else "LoRA"
    return kind + ("" if row["gradient_checkpointing"] else ", no gradient checkpointing")


def _change(losses: list[float | None]) -> str:
    """First and last loss of the steps with this kind."""
    known = [loss for loss in losses if loss is not None]
    return f"{known[0]:.1f} to {known[-1]:.1f}"


def _remarks(row: dict[str, Any]) -> list[str]:
    total = sum(row["kernel_s"].values())
    parts = ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in row["kernel_s"].items())
    lines = [f"- {row['student']}, {_kind(row)}: kernels take {total:.2f} s of a step ({parts})."] if total else []
    if again := row.get("resumed"):
        lines.append(
            f"- {row['student']}, resumed from the checkpoint of step {again['at_step']} "
            f"({again['checkpoint_bytes'] / 1e9:.1f} GB): losses differ by at most "
            f"{again['largest_loss_difference']:.4f} from an undisturbed training."
        )
    return lines


def _sampling(row: dict[str, Any]) -> str:
    return (
        f"| {row['student']} | {row['batch']:,} | {row['first_tokens_per_s']:,.0f} | "
        f"{row['second_tokens_per_s']:,.0f} | {row['peak_memory_gib']:.0f} |"
    )
