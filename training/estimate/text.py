"""Estimate as text."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from training.estimate import Estimate, hardware
from training.estimate.workload import disk_bytes
from training.recipe import SCRIPTED_TEACHER

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
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
    yield f"{'training':10}{_tokens(tokens)} at most, in {', '.join(found.trainings)}"
    yield f"{'sampling':10}{_tokens(found.sampled_tokens)}"
    if found.recipe.student.family:
        yield f"{'student':10}tiny, with random weights: minutes on two CPU cores"
        return
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
    requests = f"{cost.requests:,} requests to {teacher.model}"
    if not (teacher.price_prompt or teacher.price_completion or _is_own(teacher.base_url)):
        return f"{requests}: cost unknown; set teacher.price_prompt and teacher.price_completion"
    return f"{requests}: at most ${cost.max_dollars:,.2f}, typically ${cost.typical_dollars:,.2f}{cap}"


def _is_own(base_url: str) -> bool:
    """Whether an endpoint runs on this machine, so that it costs nothing."""
    try:
        return base_url == SCRIPTED_TEACHER or urlsplit(base_url).hostname in _LOOPBACK
    except ValueError:
        return False


def _tokens(count: float) -> str:
    """Number of tokens, to two digits below a million."""
    return f"{count / 1e6:,.1f} million tokens" if count >= 1e6 else f"{float(f'{count:.2g}'):,.0f} tokens"


def gpu_table(found: Estimate) -> Iterator[str]:
    """Markdown table of hours per kind of GPU, and a note on its sources."""
    yield "| GPU | training | sampling | memory |"
    yield "|---|---:|---:|---|"
    for row in found.gpus:
        digits = 1 if round(row.memory_gib) == round(row.gpu.memory_gib) else 0
        fits = f"{row.memory_gib:.{digits}f} of {row.gpu.memory_gib:.{digits}f} GiB"
        fits += "" if row.fits else ", does not fit"
        yield f"| {row.gpu.name} | {hours_text(row.training_h)} | {hours_text(row.sampling_h)} | {fits} |"
    assert found.parameters is not None
    if found.parameters < _SMALL:
        for cpu in hardware.CPUS:
            times = hardware.cpu_s(cpu, found.parameters, sum(found.trainings.values()), found.sampled_tokens)
            yield f"| 2 CPU cores {cpu} | {' | '.join(hours_text(seconds / 3600) for seconds in times)} | |"
    measured = hardware.nearest(found.parameters, found.recipe.train.gradient_checkpointing)
    yield ""
    yield (
        f"Measured: {measured.student} on an {hardware.MEASURED_GPU.name}, {measured.tokens_per_s:,} tokens/s. "
        "Computed: other students by their parameters, other GPUs by their data sheets. Sampling is that of "
        "transformers; vLLM is faster and was not measured."
    )


def hours_text(hours: float) -> str:
    """Estimated hours, in minutes below one."""
    if hours < 1 / 60:
        return "under 1 min"
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"
