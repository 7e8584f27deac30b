"""Cost and hours of the paper's recipes in Markdown, by `twinpath train run RECIPE --estimate`."""

from training.estimate import Estimate, hardware
from training.estimate.text import hours_text
from training.estimate.workload import disk_bytes
from training.recipe import load
from training.recipe.shipped import RECIPES

RECIPE = "llama2-7b-paper"


def table() -> str:
    """Markdown: cost of a recipe, then hours per kind of GPU. Public sets are counted by the registry."""
    found = Estimate.of(load(RECIPES / f"{RECIPE}.toml"), registry_only=True)
    assert found.parameters is not None
    cost, tokens = found.teacher, sum(found.trainings.values())
    measured = hardware.MEASURED[0]
    lines = [
        "| | |",
        "|---|---:|",
        f"| requests to the teacher | {cost.requests:,} |",
        f"| cost, at most | ${cost.max_dollars:.0f} |",
        f"| cost, typically | ${cost.typical_dollars:.0f} |",
        f"| tokens of the {len(found.trainings)} trainings, at most | {tokens / 1e6:.0f} million |",
        f"| sampled tokens | {found.sampled_tokens / 1e6:.0f} million |",
        f"| disk, at most | {disk_bytes(found.recipe, found.parameters) / 1e9:.0f} GB |",
        "",
        "| GPU | training | sampling |",
        "|---|---:|---:|",
        *(f"| {row.gpu.name} | {hours_text(row.training_h)} | {hours_text(row.sampling_h)} |" for row in found.gpus),
        "",
        f"Measured: {measured.student} on an {hardware.MEASURED_GPU.name}, {measured.tokens_per_s:,} tokens/s in "
        f"training, and {hardware.SAMPLED_TOKENS_PER_S:,} in sampling with transformers. All hours are computed from "
        "that.",
    ]
    return "\n".join(lines)
