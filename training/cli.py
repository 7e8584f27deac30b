"""Command `twinpath train`: stages, and commands on recipes, data and reports.

`twinpath` loads this module for every command, so it imports only typer.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.run import Run

app = typer.Typer(
    name="train",
    help="Train a student by Mixed Distillation, from a teacher's rationales to a checkpoint for the service.",
    no_args_is_help=True,
)
_INTERRUPTED = 130


def _turn_off(ctx: typer.Context, is_quiet: bool) -> None:
    """Turn off bars and lines until the end of the command."""
    if is_quiet:
        from training.progress import quiet

        ctx.with_resource(quiet())


_Recipe = Annotated[Path, typer.Argument(help="Recipe: a TOML file, or the name of a shipped one.", dir_okay=False)]
_Rehearse = Annotated[
    bool,
    typer.Option("--rehearse", help="Rehearse in minutes: a tiny random student, a scripted teacher, a few steps."),
]
_Out = Annotated[
    Path | None,
    typer.Option("--out", help="Directory of the run. `--rehearse` adds `-rehearsal` to it.  [default: runs/NAME]"),
]
_Quiet = Annotated[
    bool, typer.Option("--quiet", callback=_turn_off, help="Print neither bars nor lines, only errors and results.")
]
_Estimate = Annotated[bool, typer.Option("--estimate", help="Print requests, dollars, GPU hours and disk, and stop.")]


@app.command()
def teacher(
    recipe: _Recipe,
    out: _Out = None,
    quiet: _Quiet = False,
    rehearse: _Rehearse = False,
    estimate: _Estimate = False,
) -> None:
    """Sample rationales from the recipe's endpoint. Replies are cached, so you never pay twice."""
    if estimate:
        _print_estimate(recipe, rehearse)
        return
    _make(recipe, out, "teacher", rehearse)


@app.command("filter")
def filter_(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Verify rationales and report the dropped ones with reasons."""
    run = _make(recipe, out, "filter", rehearse)
    _print((run.stage("filter").path / "report.md").read_text())


@app.command()
def dataset(
    recipe: _Recipe,
    out: _Out = None,
    quiet: _Quiet = False,
    rehearse: _Rehearse = False,
    show: Annotated[int, typer.Option("--show", min=0, help="Print this many examples with masked prompts.")] = 0,
) -> None:
    """Make training examples and hold out problems. Prints the card of the data set."""
    run = _make(recipe, out, "dataset", rehearse)
    _print((run.stage("dataset").path / "card.md").read_text())
    if show:
        from training.stages.train import masked_examples

        for text in masked_examples(run, show):
            _print(text, end="\n\n")


@app.command()
def train(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Train the student. A killed training resumes at its last checkpoint."""
    _make(recipe, out, "train", rehearse)


@app.command("self_training")
def self_training(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Train again, with the student's own verified paths beside the teacher's rationales."""
    _make(recipe, out, "self_training", rehearse)


@app.command()
def compare(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Compare the student with students of one kind and their ensemble."""
    run = _make(recipe, out, "compare", rehearse)
    _print((run.stage("compare").path / "compare.md").read_text(), end="\n")


@app.command()
def calibrate(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Find temperature, stopping threshold and confidence map on the dev problems."""
    _make(recipe, out, "calibrate", rehearse)


@app.command()
def measure(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Measure the calibrated student on the test problems, once, at the end."""
    run = _make(recipe, out, "measure", rehearse)
    _print((run.stage("measure").path / "measure.md").read_text(), end="\n")


@app.command()
def ablate(
    recipe: _Recipe,
    out: _Out = None,
    quiet: _Quiet = False,
    rehearse: _Rehearse = False,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Part of the data to leave out. Repeat it for several.")
    ] = None,
) -> None:
    """Train one student per part of the data that is left out, and compare them on the dev problems."""
    from training.learn.trackers import check_installed
    from training.stages.ablate import ablate as compare_parts
    from training.stages.ablate import parts

    run = _open(recipe, out, rehearse)
    with _interruptible():
        check_installed(run.recipe.watch.report_to)
        _print(compare_parts(run.recipe, run.root, without or parts(run.recipe)), end="\n")


@app.command()
def export(recipe: _Recipe, out: _Out = None, quiet: _Quiet = False, rehearse: _Rehearse = False) -> None:
    """Write the checkpoint for the service, with its model card."""
    _make(recipe, out, "export", rehearse)


@app.command()
def run(
    recipe: _Recipe,
    out: _Out = None,
    quiet: _Quiet = False,
    rehearse: _Rehearse = False,
    estimate: _Estimate = False,
) -> None:
    """Make all stages of the recipe, write `report.html`, then print the result and the next command."""
    if estimate:
        _print_estimate(recipe, rehearse)
        return
    began_s = time.monotonic()
    made = _make(recipe, out, "export", rehearse)
    from training.report.page import write_report
    from training.stages.summaries import ending

    try:
        write_report(made)
    finally:  # the result is shown whatever happens to its report
        _print(f"\n{ending(made, time.monotonic() - began_s)}", end="\n")


@app.command()
def report(recipe: _Recipe, out: _Out = None, rehearse: _Rehearse = False) -> None:
    """Write `report.html` of the run from the stages that are made, and print its path."""
    from training.report.page import write_report

    print(write_report(_open(recipe, out, rehearse)))


@app.command("recipe")
def recipe_(
    defaults: Annotated[bool, typer.Option("--defaults", help="Print a recipe with every key.")] = False,
) -> None:
    """List the shipped recipes. With `--defaults`, print a recipe to start from."""
    if defaults:
        from training.recipe.template import starter

        print(starter(), end="")
        return
    from training.recipe.shipped import listing

    print(listing(Path.cwd()))


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help="Model directory in bf16.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Argument(help="Directory of the int8 variant. It must not exist.")],
) -> None:
    """Write the int8 variant of a model, which is faster on a CPU, most of all with `serve --compile-on-cpu`."""
    if out.exists():
        raise typer.BadParameter(f"{out} already exists; choose another directory or remove it")
    from training.progress import bar

    with bar("int8"):
        from training.ship.int8 import write_int8

        write_int8(model, out)


@app.command()
def data(
    names: Annotated[
        list[str] | None, typer.Argument(help="Public sets. Without one, list all.", metavar="NAME")
    ] = None,
    rationales: Annotated[bool, typer.Option("--rationales", help="Write public rationales too.")] = False,
    to: Annotated[Path, typer.Option("--to", help="Directory of the sets.", file_okay=False)] = Path("data/public"),
    source: Annotated[
        str,
        typer.Option(
            "--from", help="`github`, `hub` (Hugging Face), or a directory with copies of the original files."
        ),
    ] = "github",
    urls: Annotated[bool, typer.Option("--urls", help="Print the addresses of the original files and stop.")] = False,
) -> None:
    """Bring public problems and rationales into `data/public/`. Files that are up to date stay."""
    from training.data.public.command import bring, sets_text, urls_text

    if urls:
        print(urls_text(names or [], with_rationales=rationales))
    elif not names:
        print(sets_text())
    else:
        bring(names, with_rationales=rationales, root=to, source=source)


def _open(recipe: Path, out: Path | None, rehearse: bool = False) -> "Run":
    from training.recipe import load
    from training.recipe.shipped import recipe_file
    from training.run import Run
    from training.stages.summaries import summary

    loaded = load(recipe_file(recipe))
    if rehearse:
        from training.data.loaders import is_at_hand
        from training.progress import print_line
        from training.rehearsal.plan import SUFFIX, rehearsed

        # A rehearsal never replaces the artifacts of a run.
        if out and not out.name.endswith(SUFFIX):
            out = out.parent / f"{out.name}{SUFFIX}"
        loaded = rehearsed(loaded, is_at_hand, report=print_line)
    return Run(loaded, out or Path("runs") / loaded.name, summarize=summary)


def _make(recipe: Path, out: Path | None, stage: str, rehearse: bool = False) -> "Run":
    from training.learn.trackers import check_installed

    run = _open(recipe, out, rehearse)
    check_installed(run.recipe.watch.report_to)
    with _interruptible():
        run.stage(stage)
    return run


def _print(text: str, end: str = "") -> None:
    """Print text that can hold a model's own, made safe for a terminal."""
    from service.printable import printable

    print(printable(text, sys.stdout.encoding or "utf-8"), end=end)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Report an interrupt in one line."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nInterrupted. The same command resumes the run.", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None


def _print_estimate(recipe: Path, rehearse: bool = False) -> None:
    from training.estimate import Estimate
    from training.estimate.text import text

    print(text(Estimate.of(_open(recipe, None, rehearse).recipe)))
