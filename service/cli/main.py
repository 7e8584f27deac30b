"""Command line `twinpath`. Errors of Twinpath are one line on standard error, with exit code 2.

The commands parse options and print results. `train` is an entry point of another package.
"""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

from service import __version__
from service.api.api_keys import KeyScope, new_key
from service.cli.file_command import check_file_arguments, check_single_arguments, run_file
from service.cli.printable import printable
from service.cli.row_run import RunOptions
from service.errors import ConfigurationError, TwinpathError, json_reason
from service.schemas import GradeRequest, PathBudget, SolveRequest
from service.settings import GROUPS, EngineKind, Settings, SettingsGroup, load_settings
from service.types import Policy

# Leaves more of 80 columns to the descriptions.
rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]

_ORDER = ("solve", "grade", "evaluate", "serve", "keys", "model", "train", "read", "sandbox")


class _Commands(TyperGroup):
    """Commands in the order in which users need them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands."""
        return sorted(super().list_commands(ctx), key=lambda name: (*_ORDER, name).index(name))


app = typer.Typer(
    name="twinpath",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Create API keys.", no_args_is_help=True)
models = typer.Typer(help="Show and verify models.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(models, name="model")


def _field(name: str) -> str:
    """Description of a field of a request."""
    return str(SolveRequest.model_fields[name].description)


_Config = Annotated[Path | None, typer.Option(help="TOML file of settings.", dir_okay=False)]
_Model = Annotated[str | None, typer.Option(help=str(Settings.model_fields["model"].description))]
_Engine = Annotated[EngineKind | None, typer.Option(help=str(Settings.model_fields["engine"].description))]
_ApiKeyFile = Annotated[Path | None, typer.Option(help=str(Settings.model_fields["client_api_key_file"].description))]
_Cot = Annotated[int | None, typer.Option(min=0, max=64, help="Maximum number of chain-of-thought paths.")]
_Pot = Annotated[int | None, typer.Option(min=0, max=64, help="Maximum number of program-of-thought paths.")]
_Policy = Annotated[Policy | None, typer.Option(help="Stopping policy.")]
_Libraries = Annotated[
    bool | None,
    typer.Option(
        "--sandbox-libraries/--no-sandbox-libraries",
        help=str(Settings.model_fields["sandbox_libraries"].description),
        show_default=False,
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        help="Output file of --input: CSV, TSV or JSON Lines, by its suffix. An interrupted run resumes. Default: "
        "standard output.",
        dir_okay=False,
        allow_dash=True,
    ),
]
_ProblemColumn = Annotated[
    str | None, typer.Option(help="Column of the problems in --input. Default: a usual name, such as question.")
]
_IdColumn = Annotated[str | None, typer.Option(help="Column of the ids in --input. Default: a usual name, such as nr.")]
_Url = Annotated[str | None, typer.Option(help="URL of a running service. Default: solve in this process.")]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for point in entry_points(group="twinpath.commands"):
        if point.name == "train":  # training.cli imports only typer
            app.add_typer(point.load(), name=point.name)
    code: int | str | None = 0
    try:
        app()
    except SystemExit as end:  # typer's own way out
        code = end.code
    except TwinpathError as error:
        console = Console(stderr=True)
        reason = printable(str(error), console.encoding)  # it may quote a service or a model
        console.print(Text.assemble(("twinpath:", "red"), f" {reason}"), soft_wrap=True)
        code = 2
    if "vllm" in sys.modules:  # its native libraries print pages of leak reports when the interpreter is torn down
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)
    raise SystemExit(code)


def _flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting. It receives the options that were given as keyword arguments."""
    own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(group, name))
        for group in GROUPS
        for name in group.model_fields
    ]
    command.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    return command


def _flag(group: type[SettingsGroup], name: str) -> Any:
    """Annotation of the option of a setting, without a column for its type."""
    field = group.model_fields[name]
    description = str(field.description)
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        description += f" One of {', '.join(field.annotation)}."
    if field.default is not None and not isinstance(field.default, bool | list):
        description += f" Default: {field.default}."  # here, because typer would add another line for it
    option = typer.Option(help=description, metavar="", show_default=False, rich_help_panel=group.title)
    annotation: Any = field.annotation
    return Annotated[annotation | None, option]


class _ServeCommand(TyperCommand):
    """Command whose help shows `--flag` without `--no-flag`, which would leave no room for the descriptions."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        hidden = [(option, option.secondary_opts) for option in self.params]
        for option, _ in hidden:
            option.secondary_opts = []
        super().format_help(ctx, formatter)
        for option, secondary in hidden:
            option.secondary_opts = secondary


@app.command(cls=_ServeCommand)
@_flags
def serve(config: _Config = None, **flags: Any) -> None:
    """Serve POST /solve over HTTP until SIGTERM or Ctrl-C.

    Each option is also an environment variable, such as TWINPATH_MAX_QUEUE, and
    a line of the settings file. Switches also have a --no- form.
    """
    from service.cli.serve import run

    raise typer.Exit(run(load_settings(config, **flags)))


@app.command()
def solve(
    problem: Annotated[
        str | None, typer.Argument(help="The word problem. Default, and for -: standard input.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="File of problems instead of PROBLEM: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: _Output = None,
    problem_column: _ProblemColumn = None,
    id_column: _IdColumn = None,
    url: _Url = None,
    api_key_file: _ApiKeyFile = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Problems of --input that are solved at the same time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response as JSON.")] = False,
    cot: _Cot = None,
    pot: _Pot = None,
    policy: _Policy = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2, help=_field("temperature"))] = None,
    top_p: Annotated[float | None, typer.Option(max=1, help=_field("top_p"))] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, max=4096, help=_field("max_tokens"))] = None,
    deadline_s: Annotated[float | None, typer.Option(max=600, help=_field("deadline_s"))] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Give no answer if the confidence is lower. The exit code is then 3."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help=_field("seed"))] = None,
    model: _Model = None,
    engine: _Engine = None,
    config: _Config = None,
) -> None:
    """Solve one problem and show the answer, how far to trust it, and why. Or solve a file.

    The exit code is 3 if the confidence is below --min-confidence. It is 2 if
    the run failed, 1 if rows of a file have an error, and otherwise 0.
    """
    settings = load_settings(
        config,
        cot_paths=cot,
        pot_paths=pot,
        policy=policy,
        model=model,
        engine=engine,
        client_api_key_file=api_key_file,
    )
    given = {
        "policy": policy,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "deadline_s": deadline_s,
        "min_confidence": min_confidence,
    }
    overrides: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if cot is not None or pot is not None:
        overrides["paths"] = PathBudget(cot=cot, pot=pot)
    columns = {"problem": problem_column, "id": id_column}
    if source is not None:
        from service.cli.solve_file import SOLVING

        check_file_arguments((problem,), source, output, as_json=as_json)
        SolveRequest.checked(problem="?", **overrides)  # rows take them as they are
        options = RunOptions(settings, overrides, seed, url, concurrency)
        run_file(SOLVING, source, output, columns, options)
    check_single_arguments(output, concurrency, columns)
    from service.cli.solve import problem_from_stdin, solve_and_show

    if _is_piped(problem):
        problem = problem_from_stdin(settings.max_body_bytes) or None
    if problem is None:
        raise typer.BadParameter("give a problem, or --input")
    request = SolveRequest.checked(problem=problem, seed=seed, trace=as_json, **overrides)
    raise typer.Exit(asyncio.run(solve_and_show(settings, request, url=url, as_json=as_json)))


@app.command()
def grade(
    problem: Annotated[str | None, typer.Argument(help="The word problem.", show_default=False)] = None,
    response: Annotated[
        str | None,
        typer.Argument(help="The response: an answer, or a worked text that states one.", show_default=False),
    ] = None,
    expected: Annotated[
        str | None, typer.Option(help="Expected answer. No engine is started then. Default: grade by a vote.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="File of responses instead of PROBLEM and RESPONSE: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output: _Output = None,
    problem_column: _ProblemColumn = None,
    response_column: Annotated[
        str | None, typer.Option(help="Column of the responses in --input. Default: a usual name, such as response.")
    ] = None,
    expected_column: Annotated[
        str | None, typer.Option(help="Column of expected answers in --input. Default: a usual name, such as solution.")
    ] = None,
    id_column: _IdColumn = None,
    url: _Url = None,
    api_key_file: _ApiKeyFile = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Responses of --input that are graded at the same time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the grade as JSON.")] = False,
    cot: _Cot = None,
    pot: _Pot = None,
    policy: _Policy = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the samples. Default: from the problem.")] = None,
    model: _Model = None,
    engine: _Engine = None,
    config: _Config = None,
) -> None:
    """Grade a response to a problem, and check its equations. Or grade a file.

    A response that begins with a minus sign needs two dashes before it:
    twinpath grade PROBLEM -- -26
    """
    settings = load_settings(
        config,
        cot_paths=cot,
        pot_paths=pot,
        policy=policy,
        model=model,
        engine=engine,
        client_api_key_file=api_key_file,
    )
    overrides: dict[str, Any] = {"policy": policy} if policy else {}
    if cot is not None or pot is not None:
        overrides["paths"] = PathBudget(cot=cot, pot=pot)
    columns = {"problem": problem_column, "response": response_column, "expected": expected_column, "id": id_column}
    if source is not None:
        from service.cli.grade_file import GRADING

        if expected is not None:
            raise typer.BadParameter("--expected goes with a problem; --expected-column goes with --input")
        check_file_arguments((problem, response), source, output, as_json=as_json)
        options = RunOptions(settings, overrides, seed, url, concurrency)
        run_file(GRADING, source, output, columns, options)
    check_single_arguments(output, concurrency, columns)
    if problem is None or response is None:
        raise typer.BadParameter("give a problem and a response, or --input")
    from service.cli.grade import grade_and_show

    request = GradeRequest.checked(problem=problem, response=response, expected=expected, seed=seed, **overrides)
    asyncio.run(grade_and_show(settings, request, url=url, as_json=as_json))


@app.command()
def evaluate(
    data: Annotated[
        Path,
        typer.Option(
            help="File of problems with their answers: CSV, TSV or JSON Lines, or - for standard input.",
            show_default=False,
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of problems.")] = None,
    policy: _Policy = None,
    url: _Url = None,
    api_key_file: _ApiKeyFile = None,
    output: Annotated[
        Path | None,
        typer.Option("--json", help="Output file for the figures and one row per problem. A killed run resumes."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Directory for an HTML report with plots and every wrong problem. A killed run resumes."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems that are solved at the same time.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples of every problem.")] = 0,
    cot: _Cot = None,
    pot: _Pot = None,
    model: _Model = None,
    engine: _Engine = None,
    config: _Config = None,
    problem_column: Annotated[
        str | None, typer.Option(help="Column of the problems. Default: a usual name, such as question.")
    ] = None,
    answer_column: Annotated[
        str | None, typer.Option(help="Column of the right answers. Default: a usual name, such as answer.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of the ids. Default: a usual name, such as id.")] = None,
) -> None:
    """Measure accuracy, trust, tokens and seconds over a file of problems.

    Each problem is solved twice: by the vote, and by one greedy explanation and
    one greedy program.
    """
    from service.cli.evaluate import Outputs, evaluate_and_show

    settings = load_settings(
        config,
        cot_paths=cot,
        pot_paths=pot,
        policy=policy,
        model=model,
        engine=engine,
        client_api_key_file=api_key_file,
    )
    evaluate_and_show(
        settings,
        data,
        columns={"problem": problem_column, "answer": answer_column, "id": id_column},
        limit=limit,
        url=url,
        outputs=Outputs(output, report),
        concurrency=concurrency,
        seed=seed,
    )


@keys.command()
def create(
    name: Annotated[
        str, typer.Argument(help="Name of the holder: letters, digits, dots and dashes.", show_default=False)
    ],
    scope: Annotated[
        list[KeyScope], typer.Option(help="Scope of the key. Repeat the option for several.", show_default="solve")
    ] = [KeyScope.SOLVE],  # noqa: B006 - typer needs a list
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="Maximum number of requests a minute.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Maximum number of open requests.")] = None,
) -> None:
    """Create an API key.

    Prints the key on standard error, and on standard output its table for the
    file of --api-keys-file. The table contains only a hash of the key.

    Example: twinpath keys create alice >> api_keys.toml
    """
    secret, table = new_key(name, list(dict.fromkeys(scope)), requests_per_minute, concurrency)
    print(secret, file=sys.stderr)
    print(table)


@app.command()
def sandbox(
    source: Annotated[
        Path, typer.Option("--input", help="JSON Lines file of rows with id and program.", exists=True, dir_okay=False)
    ],
    no_policy: Annotated[
        bool, typer.Option("--no-policy", help="Run without the language policy, under the kernel lock only.")
    ] = False,
    libraries: _Libraries = None,
    config: _Config = None,
) -> None:
    """Run programs in the sandbox and print one outcome per line."""
    from service.cli.sandbox import run_rows
    from service.components import sandbox_pool

    settings = load_settings(config, sandbox_libraries=libraries)

    async def run() -> None:
        pool = sandbox_pool(settings, policy=not no_policy)
        await pool.start()
        try:
            async for row in run_rows(_json_lines(source), pool, concurrency=settings.sandbox_workers):
                print(json.dumps(row), flush=True)
        finally:
            await pool.close()

    asyncio.run(run())


@app.command()
def read(
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            help="JSON Lines file of rows with id, kind and text, or - for standard input.",
            show_default=False,
        ),
    ],
    libraries: _Libraries = None,
    config: _Config = None,
) -> None:
    """Show which answer is read in each output of a model. No model is started.

    A row has an id, a kind (cot or pot), a text, and complete if the text was
    cut off. A row of kind equal has answers, which are compared.
    """
    from service.cli.read import read_and_print

    asyncio.run(read_and_print(load_settings(config, sandbox_libraries=libraries), source))


@models.command()
def info(
    config: _Config = None,
    name: _Model = None,
    base: Annotated[
        bool, typer.Option("--base", help="Use the base model from which the bundled model is built.")
    ] = False,
) -> None:
    """Find a model, build it if it is the bundled one, verify it, and print its name, prompt style and directory."""
    from service.cli.output import build_progress
    from service.model import bundled
    from service.model.checkpoint import find_checkpoint, read_checkpoint

    settings = load_settings(config, model=name)
    with build_progress() as progress:
        if base:
            checkpoint = read_checkpoint(*bundled.build(settings.cache_dir, None, progress))
        else:
            checkpoint = find_checkpoint(settings.model, settings.cache_dir, progress)
    print(f"{checkpoint.name}\t{checkpoint.style}\t{checkpoint.path}")


def _is_piped(problem: str | None) -> bool:
    """Whether the problem is on standard input. Without an argument, a terminal is not read."""
    return problem == "-" or (problem is None and sys.stdin is not None and not sys.stdin.isatty())


def _json_lines(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ConfigurationError(f"{path}, line {number}: not valid JSON ({json_reason(error)}).") from None


def _version(value: bool) -> None:
    if value:
        print(f"twinpath {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Solves math word problems by a vote over explanations and programs, and rates how far to trust each answer.

    Start here: twinpath solve "A pen costs 3 dollars. How much do 7 pens cost?"
    """


if __name__ == "__main__":
    main()
