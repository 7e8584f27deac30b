"""Estimate as text."""

from collections.abc import Iterator

from training.estimate import Estimate, hardware
from training.estimate.workload import disk_bytes

_SMALL = 1e9  # parameters up to which a CPU trains in hours


def text(found: Estimate) -> str:
    """The estimate as text, for a terminal."""
    head = f"Estimate for {found.recipe.name}. Nothing was sent, downloaded or written."
    return "\n".join([head, "", *_lines(found)])


def _lines(found: Estimate) -> Iterator[str]:
    for size in found.sources:
        used = f"{size.train:,} to train, {size.source.dev:,} dev, {size.source.test:,} test"
        missing = "" if size.at_hand else "; not downloaded yet"
        yield f"{'problems':10}{size.source.name}: {size.count:,} ({used}{missing})"
    yield f"{'teacher':10}{_teacher(found)}"
    tokens = sum(found.trainings.values())
    yield f"{'training':10}{tokens / 1e6:,.1f} million tokens at most, in {', '.join(found.trainings)}"
    yield f"{'sampling':10}{found.sampled_tokens / 1e6:,.1f} million tokens"
    if found.parameters is None:
        model = found.recipe.student.model
        yield f"{'student':10}the name {model} has no size such as 7B, so hours and disk are unknown"
        return
    yield f"{'disk':10}{disk_bytes(found.recipe, found.parameters) / 1e9:,.0f} GB at most"
    yield ""
    yield from gpu_table(found)


def _teacher(found: Estimate) -> str:
    teacher, cost = found.recipe.teacher, found.teacher
    if teacher is None or not cost.requests:
        return "none"
    cap = f" (cap: ${teacher.cap_dollars:,.2f})" if teacher.cap_dollars else ""
    return (
        f"{cost.requests:,} requests to {teacher.model}: at most ${cost.max_dollars:,.2f}, "
        f"typically ${cost.typical_dollars:,.2f}{cap}"
    )


def gpu_table(found: Estimate) -> Iterator[str]:
    """Markdown table of hours per kind of GPU, and a note on its sources."""
    yield "| GPU | training | sampling | memory |"
    yield "|---|---:|---:|---|"
    for row in found.gpus:
        fits = f"{row.memory_gib:.0f} of {row.gpu.memory_gib:.0f} GiB" + ("" if row.fits else ", does not fit")
        yield f"| {row.gpu.name} | {duration(row.training_h)} | {duration(row.sampling_h)} | {fits} |"
    assert found.parameters is not None
    if found.parameters < _SMALL:
        times = hardware.cpu_s(found.parameters, sum(found.trainings.values()), found.sampled_tokens)
        yield f"| 2 CPU cores | {' | '.join(duration(seconds / 3600) for seconds in times)} | |"
    measured = hardware.nearest(found.parameters, found.recipe.train.gradient_checkpointing)
    yield ""
    yield (
        f"Measured: {measured.student} on an {hardware.MEASURED_GPU.name}, {measured.tokens_per_s:,} tokens/s. "
        "Computed: other students by their parameters, other GPUs by their data sheets. Sampling is that of "
        "transformers; vLLM is faster and was not measured."
    )


def duration(hours: float) -> str:
    """Duration in words, in minutes below an hour."""
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
