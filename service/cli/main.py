"""The command `twinpath`: serve, solve, evaluate, key, sandbox, model; `train` joins through an entry point.

The commands parse, call and print; what they do is elsewhere. Twinpath's own errors become one line and exit code 2.
"""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from service import __version__
from service.api.api_keys import KeyScope, new_key
from service.errors import ConfigurationError, TwinpathError
from service.schemas import PathBudget, SolveRequest
from service.settings import EngineKind, Settings, load_settings
from service.types import Policy

app = typer.Typer(
    name="twinpath",
    help="Answers to math word problems: chain-of-thought and program-of-thought paths in one vote.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_Config = Annotated[Path | None, typer.Option(help="TOML file of settings.", dir_okay=False)]
_Model = Annotated[str | None, typer.Option(help=str(Settings.model_fields["model"].description))]
_Engine = Annotated[EngineKind | None, typer.Option(help="What samples the paths.")]
_ApiKeyFile = Annotated[Path | None, typer.Option(help=str(Settings.model_fields["client_api_key_file"].description))]
_Cot = Annotated[int | None, typer.Option(min=0, max=64, help="Chain-of-thought paths.")]
_Pot = Annotated[int | None, typer.Option(min=0, max=64, help="Program-of-thought paths.")]
_Policy = Annotated[Policy | None, typer.Option(help="When the vote is decided.")]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for point in entry_points(group="twinpath.commands"):
        if point.name == "train" and "train" in sys.argv[1:2]:  # training's imports are paid for by training alone
            app.add_typer(point.load(), name=point.name)
    code: int | str | None = 0
    try:
        app()
    except SystemExit as end:  # typer's own way out
        code = end.code
    except TwinpathError as error:
        line = Text.assemble(("twinpath:", "red"), f" {error}")
        Console(stderr=True).print(line, soft_wrap=True)
        code = 2
    if "vllm" in sys.modules:  # its native libraries print pages of leak reports when the interpreter is torn down
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)
    raise SystemExit(code)


def _flags(*, without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option for each setting; it receives those that were given as keyword arguments."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        flags = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[_optional(field.annotation), typer.Option(help=_help(name), show_default=False)],
            )
            for name, field in Settings.model_fields.items()
            if name not in without
        ]
        command.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
        return command

    return decorate


def _optional(annotation: Any) -> Any:
    return annotation | None


def _help(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f" [default: {field.default}]"
    return f"{field.description}{default}"


@app.command()
@_flags()
def serve(config: _Config = None, **flags: Any) -> None:
    """Serve POST /solve over HTTP until SIGTERM or Ctrl-C."""
    from service.cli.serve import run

    raise typer.Exit(run(load_settings(config, **flags)))


@app.command()
def solve(
    problem: Annotated[str | None, typer.Argument(help="The word problem.", show_default=False)] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input", help="JSON Lines of id and problem, instead of a problem.", exists=True, dir_okay=False
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the input's results go; a killed run is gone on with.", dir_okay=False)
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running service; none solves in this process.")] = None,
    api_key_file: _ApiKeyFile = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Problems of the input at the same time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the response as JSON.")] = False,
    cot: _Cot = None,
    pot: _Pot = None,
    policy: _Policy = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Fixes the samples of every path.")] = None,
    model: _Model = None,
    engine: _Engine = None,
    config: _Config = None,
) -> None:
    """Solve one problem and show the answer, the votes, the best rationale and the best program; or a file of them."""
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
    if source is None or output is None:
        if problem is None or source is not None or output is not None:
            raise typer.BadParameter("give a problem, or --input and --output")
        if concurrency is not None:
            raise typer.BadParameter("--concurrency goes with --input")
        from service.cli.solve import solve_and_show

        request = SolveRequest.checked(problem=problem, seed=seed, trace=True, **overrides)
        asyncio.run(solve_and_show(settings, request, url=url, as_json=as_json))
        return
    if as_json:
        raise typer.BadParameter("--json goes with a problem; --output is JSON Lines as it is")
    if problem is not None or source.resolve() == output.resolve():
        raise typer.BadParameter("give a problem, or --input and another file as --output")
    from service.cli.solve_file import solve_file

    failures = asyncio.run(
        solve_file(settings, source, output, overrides=overrides, seed=seed, url=url, concurrency=concurrency)
    )
    raise typer.Exit(1 if failures else 0)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="JSON Lines of id, question and answer.", exists=True, dir_okay=False)],
    limit: Annotated[int | None, typer.Option(min=1, help="Problems at most.")] = None,
    policy: _Policy = None,
    url: Annotated[str | None, typer.Option(help="A running service; none solves in this process.")] = None,
    api_key_file: _ApiKeyFile = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write figures and one row a problem here.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Problems solved at the same time.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Fixes every problem's samples.")] = 0,
    cot: _Cot = None,
    pot: _Pot = None,
    model: _Model = None,
    engine: _Engine = None,
    config: _Config = None,
) -> None:
    """Measure accuracy, tokens and time over a file of problems."""
    from service.cli.evaluate import evaluate_and_show

    settings = load_settings(
        config,
        cot_paths=cot,
        pot_paths=pot,
        policy=policy,
        model=model,
        engine=engine,
        client_api_key_file=api_key_file,
    )
    asyncio.run(
        evaluate_and_show(settings, data, limit=limit, url=url, output=output, concurrency=concurrency, seed=seed)
    )


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose it is; letters, digits, dots, dashes.", show_default=False)],
    scope: Annotated[
        list[KeyScope], typer.Option(help="What it is good for; may be given twice.", show_default=False)
    ] = [KeyScope.SOLVE],  # noqa: B006 - typer wants a list
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="Requests a minute at most.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests open at the same time at most.")] = None,
) -> None:
    """Make an API key: the key itself on standard error, for its holder; its table on standard output, for the file.

    `twinpath key alice >> api_keys.toml` shows the key once, and keeps its hash alone.
    """
    secret, table = new_key(name, list(dict.fromkeys(scope)), requests_per_minute, concurrency)
    print(secret, file=sys.stderr)
    print(table)


@app.command()
def sandbox(
    source: Annotated[Path, typer.Option("--input", help="JSON Lines of id and program.", exists=True, dir_okay=False)],
    no_policy: Annotated[bool, typer.Option("--no-policy", help="Leave the kernel lock to work alone.")] = False,
    config: _Config = None,
) -> None:
    """Run programs in the sandbox and print one outcome a line."""
    from service.cli.sandbox import run_rows
    from service.components import sandbox_pool

    settings = load_settings(config)

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
def model(
    config: _Config = None,
    name: _Model = None,
    base: Annotated[bool, typer.Option("--base", help="What the embedded default is made from.")] = False,
) -> None:
    """Find a model, build it if it is the embedded default, verify it, and say what it is."""
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


def _json_lines(path: Path) -> Iterator[object]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ConfigurationError(f"{path}, line {number}: no JSON ({error}).") from None


def _version(value: bool) -> None:
    if value:
        print(f"twinpath {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Answers to math word problems."""


if __name__ == "__main__":
    main()
