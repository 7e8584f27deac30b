"""Tables of the trainings on a GPU."""

from typing import Any

from benchmarks.gpu_tables import table
from tests.support.markdown import rows

TRAINING: dict[str, Any] = {
    "student": "LLaMA-2-7B", "adapter": "lora", "gradient_checkpointing": True, "tokens_per_s": 1000.0,
    "step_s": [2.0, 1.5, 4.0], "peak_memory_gib": 18.7, "losses": {"cot": [None, 11.0, 7.0], "pot": [11.5, 6.25, None]},
    "kernel_s": {"matrix products": 0.75, "attention": 0.25},
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "gpu": "NVIDIA H200", "gpu_memory_gib": 139.8, "trainings": [TRAINING],
    "recipe": {
        "epochs": 3,
        "sources": {"gsm8k": {"tokens": 540_000}, "svamp": {"tokens": 120_000}, "gsm8k+numbers": {"tokens": 60_000}},
    },
    "sampling": [{
        "student": "LLaMA-2-7B", "batch": 1244, "first_tokens_per_s": 1553.2, "second_tokens_per_s": 4685.0,
        "peak_memory_gib": 42.4,
    }],
}  # fmt: skip


def test_minutes_count_a_set_with_its_copies_of_other_numbers() -> None:
    trained, sampled = rows(table(FIGURES))
    assert list(trained.items()) == [
        ("student", "LLaMA-2-7B"),
        ("trained", "LoRA"),
        ("tokens/s", "1,000"),
        ("s per step", "2.00 (1.50 to 4.00)"),
        ("memory, GiB", "19"),
        ("CoT loss", "11.0 to 7.0"),
        ("PoT loss", "11.5 to 6.2"),
        ("min, gsm8k", "10.0"),
        ("min, svamp", "2.0"),
    ]
    assert list(sampled.values()) == ["LLaMA-2-7B", "1,244", "1,553", "4,685", "42"]
    assert table(FIGURES).startswith("NVIDIA H200, 140 GiB. Minutes are those of 3 epochs.\n")


def test_kernels_and_resumption_are_said_only_if_measured() -> None:
    kernels = "- LLaMA-2-7B, LoRA: kernels take 1.00 s of a step (matrix products 75%, attention 25%)."
    assert [line for line in table(FIGURES).splitlines() if line.startswith("- ")] == [kernels]
    again = {"at_step": 8, "checkpoint_bytes": 2_013_742_034, "largest_loss_difference": 0.00424}
    full = TRAINING | {"adapter": "full", "gradient_checkpointing": False, "kernel_s": {}, "resumed": again}
    text = table(FIGURES | {"trainings": [full]})
    assert [line for line in text.splitlines() if line.startswith("- ")] == [
        "- LLaMA-2-7B, resumed from the checkpoint of step 8 (2.0 GB): losses differ by at most 0.0042 from an "
        "undisturbed training."
    ]
    assert rows(text)[0]["trained"] == "all weights, no gradient checkpointing"
