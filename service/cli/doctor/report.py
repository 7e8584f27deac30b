"""Report of `twinpath doctor`: on a terminal, and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from service import __version__
from service.cli.doctor.facts import Facts
from service.cli.doctor.findings import Finding, cpu_precision, engine_bytes
from service.cli.doctor.probes import Fault, system
from service.cli.doctor.status import Status
from service.model.known_models import SIZES, billions, memory
from service.model.sizes import BFLOAT16, FP8, GIB, INT4, ModelSize, Precision
from service.printable import one_line
from service.settings import EngineKind

_STYLES = {Status.OK: ("✓", "+", "green"), Status.NOTE: ("!", "!", "yellow"), Status.FAILED: ("✗", "x", "red")}
"""Mark, mark in ASCII, and color of each status."""
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Fit:
    """Model that fits on this machine.

    Args:
        model: Hugging Face name.
        parameters: its number of parameters.
        precision: largest data type of the weights that fits.
        weight_bytes: memory of the weights.
        paths: number of paths at a time.
    """

    model: str
    parameters: int
    precision: str
    weight_bytes: int
    paths: int


@dataclass(frozen=True, slots=True)
class _WithoutPadding:
    """Content without blanks at the ends of its lines, so that a copy of it has none."""

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.content, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            yield from line[:-1]
            yield from (Segment(last.text.rstrip(), last.style) for last in line[-1:])
            yield Segment.line()


def fits(facts: Facts) -> list[Fit]:
    """Well-known models that fit on one GPU, or in the memory of a CPU. Empty if no engine runs in this process."""
    if facts.settings.engine is not EngineKind.VLLM:
        return []
    return [fit for name, size in SIZES.items() if (fit := _fit(name, size, facts))]


def _fit(name: str, size: ModelSize, facts: Facts) -> Fit | None:
    """Model with the largest data type of which one path fits or more."""
    for precision in (cpu_precision(facts),) if facts.on_cpu else (BFLOAT16, FP8, INT4):
        paths, weights = _paths(size, precision, facts), size.weight_bytes(precision)
        if paths and weights:
            return Fit(name, size.parameters or 0, precision.name, weights, paths)
    return None


def _paths(size: ModelSize, precision: Precision, facts: Facts) -> int:
    settings = facts.settings
    if not facts.on_cpu:
        room = min(gpu.memory_bytes or 0 for gpu in facts.gpu_list)
        paths = size.paths(room, settings.max_model_len, precision, settings.gpu_memory_utilization) or 0
        return min(paths, settings.max_num_seqs)
    needed, path = engine_bytes(size, facts), size.kv_bytes(settings.max_model_len, precision)
    if isinstance(facts.memory, Fault) or not needed or not path or needed > facts.memory.available_bytes:
        return 0
    return min(settings.cpu_kv_cache_gib * GIB // path, settings.max_num_seqs)


def document(findings: list[Finding], fitting: list[Fit]) -> dict[str, Any]:
    """JSON document of a report."""
    return {
        "ok": all(finding.status is not Status.FAILED for finding in findings),
        "version": __version__,
        "system": system(),
        "checks": [asdict(finding) for finding in findings],
        "models": [asdict(fit) for fit in fitting],
    }


def screen(findings: list[Finding], fitting: list[Fit], facts: Facts, console: Console) -> RenderableType:
    """Report for a console."""
    is_utf8 = console.encoding.startswith("utf")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, ascii_mark, style = _STYLES[finding.status]
        text = Text(one_line(finding.text, console.encoding)[:_MAX_TEXT])
        if finding.advice:
            text.append("\n" + one_line(finding.advice, console.encoding), "dim")
        table.add_row(Text(mark if is_utf8 else ascii_mark, style), finding.name, text)
    failed = sum(finding.status is Status.FAILED for finding in findings)
    head = Text(f"twinpath {__version__}, {system()}\n")
    summary = Text(f"\n{_summary(failed, facts)}", "red" if failed else "green")
    return _WithoutPadding(Group(head, table, *_models(fitting, facts), summary))


def _summary(failed: int, facts: Facts) -> str:
    if failed:
        return f"`twinpath serve` cannot start: {failed} {'check has' if failed == 1 else 'checks have'} failed."
    if facts.port is False:
        return "`twinpath serve` can start as soon as its address is free."
    return "`twinpath serve` can start."


def _models(fitting: list[Fit], facts: Facts) -> list[RenderableType]:
    is_unknown = not facts.on_cpu and any(gpu.memory_bytes is None for gpu in facts.gpu_list)
    if facts.settings.engine is not EngineKind.VLLM or is_unknown:
        return []
    if not fitting:
        return [Text("\nNo model of the list of well-known models fits.")]
    place = "memory" if facts.on_cpu else "one GPU"
    tokens = f"{facts.settings.max_model_len:,}"
    title = f"\nWell-known models that fit in {place}, and their paths of {tokens} tokens at a time:"
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("model", "size", "type", "memory", "paths"):
        table.add_column(name, justify="left" if name in ("model", "type") else "right", overflow="fold")
    for fit in fitting:
        table.add_row(fit.model, billions(fit.parameters), fit.precision, memory(fit.weight_bytes), f"{fit.paths:,}")
    return [Text(title), table]
