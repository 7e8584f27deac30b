"""Command `twinpath train`: stages, and commands on recipes, data and reports."""

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
_Recipe = Annotated[Path, typer.Argument(help="Recipe, a TOML file.", dir_okay=False)]
_Rehearse = Annotated[
    bool,
    typer.Option("--rehearse", help="Rehearse in minutes: a tiny random student, a scripted teacher, a few steps."),
]
_Out = Annotated[Path | None, typer.Option("--out", help="Directory of the run.  [default: runs/NAME]")]
_Estimate = Annotated[bool, typer.Option("--estimate", help="Print requests, dollars, GPU hours and disk, and stop.")]


@app.command()
def teacher(recipe: _Recipe, out: _Out = None, estimate: _Estimate = False) -> None:
    """Sample rationales from the recipe's endpoint. Replies are cached, so you never pay twice."""
    if estimate:
        _print_estimate(recipe)
        return
    _make(recipe, out, "teacher")


@app.command("filter")
def filter_(recipe: _Recipe, out: _Out = None) -> None:
    """Verify rationales and report the dropped ones with reasons."""
    _make(recipe, out, "filter")


@app.command()
def dataset(
    recipe: _Recipe,
    out: _Out = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Print this many examples with masked prompts.")] = 0,
) -> None:
    """Make training examples and hold out problems. Prints the card of the data set."""
    run = _make(recipe, out, "dataset")
    if show:
        from training.stages.train import print_examples

        print_examples(run, show)


@app.command()
def train(recipe: _Recipe, out: _Out = None) -> None:
    """Train the student. A killed training resumes at its last checkpoint."""
    _make(recipe, out, "train")


@app.command("self_training")
def self_training(recipe: _Recipe, out: _Out = None) -> None:
    """Train again, with the student's own verified paths beside the teacher's rationales."""
    _make(recipe, out, "self_training")


@app.command()
def compare(recipe: _Recipe, out: _Out = None) -> None:
    """Compare the student with students of one kind and their ensemble."""
    run = _make(recipe, out, "compare")
    print((run.stage("compare").path / "compare.md").read_text())


@app.command()
def calibrate(recipe: _Recipe, out: _Out = None) -> None:
    """Find temperature, stopping threshold and confidence map on the dev problems."""
    _make(recipe, out, "calibrate")


@app.command()
def measure(recipe: _Recipe, out: _Out = None) -> None:
    """Measure the calibrated student on the test problems, once, at the end."""
    run = _make(recipe, out, "measure")
    print((run.stage("measure").path / "measure.md").read_text())


@app.command()
def ablate(
    recipe: _Recipe,
    out: _Out = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Part of the data to leave out. Repeat it for several.")
    ] = None,
) -> None:
    """Train one student per part of the data that is left out, and compare them on the dev problems."""
    from training.recipe import load
    from training.stages.ablate import ablate as compare_parts
    from training.stages.ablate import parts

    loaded = load(recipe)
    print(compare_parts(loaded, out or Path("runs") / loaded.name, without or parts(loaded)))


@app.command()
def export(recipe: _Recipe, out: _Out = None) -> None:
    """Write the checkpoint for the service, with its model card."""
    _make(recipe, out, "export")


@app.command()
def run(recipe: _Recipe, out: _Out = None, rehearse: _Rehearse = False, estimate: _Estimate = False) -> None:
    """Make all stages of the recipe, then write `report.html`."""
    if estimate:
        _print_estimate(recipe, rehearse)
        return
    made = _make(recipe, out, "export", rehearse)
    from training.report.page import write_report

    write_report(made)


@app.command()
def report(recipe: _Recipe, out: _Out = None) -> None:
    """Write `report.html` of the run from the stages that are made, and print its path."""
    from training.report.page import write_report

    print(write_report(_open(recipe, out)))


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

    if not names:
        print(sets_text())
    elif urls:
        print(urls_text(names, with_rationales=rationales))
    else:
        bring(names, with_rationales=rationales, root=to, source=source)


def _open(recipe: Path, out: Path | None, rehearse: bool = False) -> "Run":
    # Imported here, because `twinpath` loads this module for every command.
    from training.recipe import load
    from training.run import Run

    loaded = load(recipe)
    if rehearse:
        from training.data.loaders import is_at_hand
        from training.rehearsal.plan import rehearsed

        loaded = rehearsed(loaded, is_at_hand)
    return Run(loaded, out or Path("runs") / loaded.name)


def _make(recipe: Path, out: Path | None, stage: str, rehearse: bool = False) -> "Run":
    run = _open(recipe, out, rehearse)
    run.stage(stage)
    return run


def _print_estimate(recipe: Path, rehearse: bool = False) -> None:
    from training.estimate import Estimate
    from training.estimate.text import text

    print(text(Estimate.of(_open(recipe, None, rehearse).recipe)))
