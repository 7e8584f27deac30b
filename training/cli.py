"""`twinpath train STAGE RECIPE`: each stage makes what it needs first; `run` makes all, going on where it stopped.

Beside the stages, `int8` turns a model at hand into its int8 variant.
"""

from pathlib import Path
from typing import Annotated

import typer

from training import ablate as ablation
from training.pipeline import open_run
from training.recipe import load
from training.run import Run

app = typer.Typer(
    name="train",
    help="Mixed Distillation: from a teacher's rationales to a checkpoint that the service serves.",
    no_args_is_help=True,
)
_Recipe = Annotated[Path, typer.Argument(help="A recipe, one TOML file.", dir_okay=False)]
_Out = Annotated[Path | None, typer.Option("--out", help="The run's directory.  [default: runs/NAME]")]


@app.command()
def teacher(
    recipe: _Recipe,
    out: _Out = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Say what it would cost, and stop.")] = False,
) -> None:
    """Sample rationales from the recipe's endpoint; nothing is paid for twice."""
    if estimate:
        from training.teacher import estimate_text

        print(estimate_text(_open(recipe, out).sources))
        return
    _make(recipe, out, "teacher")


@app.command("filter")
def filter_(recipe: _Recipe, out: _Out = None) -> None:
    """Verify rationales, and say what fell out and why."""
    _make(recipe, out, "filter")


@app.command()
def dataset(
    recipe: _Recipe,
    out: _Out = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Print so many examples as the student sees them.")] = 0,
) -> None:
    """Split, check for leaks, balance, augment; print the data set's card."""
    made = _make(recipe, out, "dataset")
    if show:
        from training.preview import preview

        preview(made, show)


@app.command()
def train(recipe: _Recipe, out: _Out = None) -> None:
    """Train the student, from the last checkpoint if there is one."""
    _make(recipe, out, "train")


@app.command()
def student(recipe: _Recipe, out: _Out = None) -> None:
    """Train again with the student's own verified paths beside the teacher's."""
    _make(recipe, out, "second")


@app.command()
def compare(recipe: _Recipe, out: _Out = None) -> None:
    """Measure the student against students of one kind and their ensemble."""
    made = _make(recipe, out, "compare")
    print((made.stage("compare").path / "compare.md").read_text())


@app.command()
def calibrate(recipe: _Recipe, out: _Out = None) -> None:
    """Find temperature, vote weights, stopping rule and confidence map on the dev problems."""
    _make(recipe, out, "calibrate")


@app.command()
def measure(recipe: _Recipe, out: _Out = None) -> None:
    """Measure the calibrated student on the test problems: look once, at the end."""
    made = _make(recipe, out, "measure")
    print((made.stage("measure").path / "measure.md").read_text())


@app.command()
def ablate(
    recipe: _Recipe,
    out: _Out = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="A part of the data to leave out, as often as wanted.")
    ] = None,
) -> None:
    """Train students that each do without one part of the data, and compare them on the dev problems."""
    loaded = load(recipe)
    print(ablation.ablate(loaded, out or Path("runs") / loaded.name, without or ablation.parts(loaded)))


@app.command()
def export(recipe: _Recipe, out: _Out = None) -> None:
    """Write the checkpoint that the service serves, with its card."""
    _make(recipe, out, "export")


@app.command()
def run(recipe: _Recipe, out: _Out = None) -> None:
    """Make everything that the recipe asks for."""
    _make(recipe, out, "export")


@app.command()
def int8(
    model: Annotated[Path, typer.Argument(help="A model's directory, in bf16.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Argument(help="Where its int8 variant goes; not there yet.")],
) -> None:
    """Write a model in int8, which is quicker on a CPU, above all compiled (`serve --compile-on-cpu`)."""
    from training.quantize import write_int8

    if out.exists():
        raise typer.BadParameter(f"{out} is there already; give another OUT or remove it")
    write_int8(model, out)


def _open(recipe: Path, out: Path | None) -> Run:
    loaded = load(recipe)
    return open_run(loaded, out or Path("runs") / loaded.name)


def _make(recipe: Path, out: Path | None, stage: str) -> Run:
    made = _open(recipe, out)
    made.stage(stage)
    return made
