"""Commands `twinpath model`: download, list and details of models."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from service.cli.output import build_progress
from service.components import download_of
from service.model import bundled
from service.model.checkpoint import Checkpoint, find_checkpoint, read_checkpoint
from service.model.hub_download import Report, check_download, download_model, weights_on_hub
from service.model.known_models import billions, memory, paths_text
from service.model.local import local_models
from service.model.prompt_format import prompt_format
from service.model.prompts import prompt_of
from service.model.safetensors_file import missing_weights
from service.model.sizes import BFLOAT16, GIB, GPU_GIB, PRECISIONS, ModelSize, Precision, read_size
from service.model.snapshot import local_path
from service.printable import one_line
from service.settings import Settings

_THINKING = {
    (False,): "no",
    (True,): "always",
    (False, True): "off by default",
    (): "not known",
}
"""Words for the modes of a model's thoughts."""


def pull(settings: Settings) -> None:
    """Download the model of the settings, or build the bundled one, and print the command that serves it.

    Raises:
        CheckpointError: it cannot be downloaded or built.
    """
    console = Console(stderr=True, highlight=False)
    if settings.model is None:
        with build_progress(console) as progress:
            checkpoint = find_checkpoint(None, settings.cache_dir, progress, download=download_of(settings))
    else:
        check_download(settings.model)
        with download_progress(console, settings.model) as report:
            path = download_model(settings.model, download_of(settings), report)
        checkpoint = read_checkpoint(path, settings.model)
    size = read_size(checkpoint.path)
    revision = f" --revision {settings.revision}" if settings.revision else ""
    serve = "twinpath serve" + (f" --model {settings.model}{revision}" if settings.model else "")
    facts = f"{billions(size.parameters)} parameters, {memory(size.stored_bytes)} of weights"
    out = Console(highlight=False)
    out.print(Text(f"{checkpoint.name}: {facts}\n{checkpoint.path}\n\nServe it: {serve}"), soft_wrap=True)


@contextmanager
def download_progress(console: Console, name: str) -> Iterator[Report]:
    """Progress bar of a download on a terminal, and one line elsewhere."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("Downloading", total=None)
        if not console.is_terminal:
            console.print(Text(f"Downloading {one_line(name)}."), soft_wrap=True)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show_list(settings: Settings, *, as_json: bool) -> None:
    """Print the models of the caches."""
    found = local_models(settings.cache_dir, download_of(settings))
    if as_json:
        rows = [
            {"name": one.name, "path": str(one.path), "disk_bytes": one.disk_bytes, "fault": one.fault or None}
            | _style(one.checkpoint)
            for one in found
        ]
        print(json.dumps(rows, indent=1))
        return
    console = Console(highlight=False)
    if not found:
        console.print("No model is on this machine. Download one: twinpath model pull NAME", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model", "on disk", "style", "confidence"):
        table.add_column(name, justify="right" if name == "on disk" else "left", overflow="fold")
    for one in found:
        words = _words(one.checkpoint) if one.checkpoint else ("–", "–")
        table.add_row(Text(one_line(one.name)), memory(one.disk_bytes), *map(Text, words))
    console.print(table)
    for fault in (f"{one.name}: {one.fault}" for one in found if one.fault):
        console.print(Text(one_line(fault)), style="dim", soft_wrap=True)


def _words(checkpoint: Checkpoint) -> tuple[str, str]:
    return checkpoint.style, "calibrated" if checkpoint.calibration.calibrated else "not calibrated"


def _style(checkpoint: Checkpoint | None) -> dict[str, Any]:
    if checkpoint is None:
        return {"style": None, "calibrated": None}
    return {"style": checkpoint.style, "calibrated": checkpoint.calibration.calibrated}


def show_info(settings: Settings, *, base: bool, tokens: int | None, as_json: bool) -> None:
    """Find or build the model of the settings, and print its details. A pipe gets one line.

    The weights of a model on the hub are not downloaded.

    Args:
        settings: the settings.
        base: whether the model is the base of the bundled one.
        tokens: tokens of each path, with its prompt. None is `max_model_len`.
        as_json: whether to print JSON.

    Raises:
        CheckpointError: it cannot be served.
    """
    with build_progress() as progress:
        if base:
            checkpoint = read_checkpoint(*bundled.build(settings.cache_dir, None, progress))
        else:
            checkpoint = find_checkpoint(
                settings.model, settings.cache_dir, progress, weights=False, download=download_of(settings)
            )
    prompt = prompt_of(checkpoint, settings.prompt)
    if not (as_json or sys.stdout.isatty()):
        print(f"{checkpoint.name}\t{checkpoint.style}\t{checkpoint.path}\t{prompt.name if prompt else '-'}")
        return
    size, name = read_size(checkpoint.path), settings.model
    is_here = base or name is None or local_path(name).is_dir() or not missing_weights(checkpoint.path)
    if not is_here and name is not None:
        size = replace(size, stored_bytes=weights_on_hub(name, download_of(settings)))
    thoughts = prompt_format(checkpoint, settings.prompt).thoughts
    model = ModelInfo(
        checkpoint,
        prompt.name if prompt else None,
        thoughts.modes if thoughts.is_known else (),
        size,
        tokens or settings.max_model_len,
        settings.gpu_memory_utilization,
        is_here,
    )
    if as_json:
        print(json.dumps(info_document(model), indent=1))
    else:
        Console(highlight=False).print(*info_screen(model), sep="\n")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts of `model info`.

    Args:
        checkpoint: the model.
        prompt: name of the prompt of an instruct model. None for another model.
        thinks: whether the model can think, and whether it need not. The default comes first. Empty if not known.
        size: its size.
        tokens: tokens of each path, with its prompt.
        utilization: fraction of a GPU's memory that the engine may use.
        is_here: whether the weights are on this machine.
    """

    checkpoint: Checkpoint
    prompt: str | None
    thinks: tuple[bool, ...]
    size: ModelSize
    tokens: int
    utilization: float
    is_here: bool = True


def info_document(model: ModelInfo) -> dict[str, Any]:
    """JSON document of a model."""
    checkpoint, size, tokens = model.checkpoint, model.size, model.tokens
    shown = _precisions(size)
    return {
        "name": checkpoint.name,
        "path": str(checkpoint.path),
        "downloaded": model.is_here,
        **_style(checkpoint),
        "prompt": model.prompt,
        "thinking": _THINKING[model.thinks],
        "decoding": checkpoint.decoding.model_dump(),
        **asdict(size),
        "weight_bytes": {precision.name: size.weight_bytes(precision) for precision in shown},
        "kv_bytes_per_token": size.kv_bytes(1),
        "tokens_per_path": tokens,
        "kv_bytes_per_path": size.kv_bytes(tokens),
        "paths": {
            precision.name: {str(gpu): size.paths(gpu * GIB, tokens, precision, model.utilization) for gpu in GPU_GIB}
            for precision in shown
        },
    }


def info_screen(model: ModelInfo) -> Sequence[RenderableType]:
    """Details of a model for a terminal."""
    checkpoint, size, tokens = model.checkpoint, model.size, model.tokens
    style, confidence = _words(checkpoint)
    facts = {
        "parameters": billions(size.parameters),
        "weights on disk" if model.is_here else "to download": memory(size.stored_bytes)
        + (f", {size.quantization}" if size.quantization else ""),
        "context": f"{size.context:,} tokens" if size.context else "?",
        "KV cache": f"{memory(size.kv_bytes(1))} per token, {memory(size.kv_bytes(tokens))} per path of {tokens:,}",
        "prompt style": f"{style}, prompt {model.prompt}" if model.prompt else style,
        "thinking": _THINKING[model.thinks],
        "sampling": ", ".join(f"{name} {value:g}" for name, value in checkpoint.decoding.model_dump().items()),
        "confidence": confidence,
        "directory": str(checkpoint.path),
    }
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value in facts.items():
        grid.add_row(Text(name, "dim"), Text(one_line(value)))
    paths = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    paths.add_column("weights")
    for name in ("memory", *(f"{gpu} GB" for gpu in GPU_GIB)):
        paths.add_column(name, justify="right")
    for precision in _precisions(size):
        cells = [paths_text(size, gpu, tokens, precision, model.utilization) for gpu in GPU_GIB]
        paths.add_row(precision.name, memory(size.weight_bytes(precision)), *cells)
    title = f"\nPaths of {tokens:,} tokens at a time, by the memory of a GPU (computed):\n"
    default = Settings.model_fields["max_num_seqs"].default
    limit = f"\nThe engine decodes at most `max_num_seqs` of them at a time, by default {default}."
    return Text(one_line(checkpoint.name), "bold"), grid, Text(title), paths, Text(limit, "dim")


def _precisions(size: ModelSize) -> tuple[Precision, ...]:
    """Data types to show. Quantized files have only their own."""
    return (Precision(size.quantization, BFLOAT16.bits, BFLOAT16.other_bits),) if size.quantization else PRECISIONS
