"""Artifacts in the report: states, times, hashes, inputs and settings."""

import json
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from service.amounts import duration
from service.evaluation.html.elements import Html, element, join
from service.evaluation.html.tables import bar, table
from training.recipe import BUNDLED_BASE
from training.report.files import Made, Manifest, RunFiles, State
from training.report.layout import file_size, hint, part, section

_MARKS = {State.MADE: "✓", State.CHANGED: "↺", State.OLDER: "↺", State.MISSING: "○", State.OFF: "–"}
_PRIVATE = frozenset({"api_key_file", "base_url"})
"""Settings that a published report must not show."""
_DIGITS = 12


def strip(files: RunFiles) -> Html:
    """All stages in the order of the pipeline, with their states and times."""
    return element("ol", *(_step(files, name, state) for name, state in files.states.items()), class_="stages")


def exported(files: RunFiles) -> Html | None:
    """Section of the stage `export`: variants of the checkpoint, and the next commands."""
    path = files.path("export")
    if path is None:
        return None
    sizes = [(name, file_size(path / name)) for name in ("model", "int8", "adapter") if (path / name).is_dir()]
    shown = _shown(files, path)
    rows = ((name, f"{shown / name}", f"{size / 2**20:,.1f} MiB") for name, size in sizes)
    model = ["--model", str(shown / "model")]
    commands = [["twinpath", "serve", *model], ["twinpath", "evaluate", *model, "--data", "problems.jsonl"]]
    base = _base(files)
    if base and (path / "adapter").is_dir():
        commands.append(["twinpath", "serve", "--model", base, "--adapter", str(shown / "adapter")])
    return part(
        "Checkpoint",
        ["export"],
        section("Variants", table("counts", ("variant", "directory", "size"), rows)),
        section("Next", element("pre", "\n".join(map(shlex.join, commands)), class_="program")),
    )


def _shown(files: RunFiles, path: Path) -> Path:
    """Path of an artifact without the directories above the run."""
    return path if not path.is_absolute() else Path(files.root.name) / path.name


def _base(files: RunFiles) -> str | None:
    """Directory or name of the model that the adapter was trained on. None for the base of the bundled model."""
    path = files.path("base")
    if path and (path / "config.json").is_file():
        return str(_shown(files, path))
    model = files.recipe.student.model
    return None if model == BUNDLED_BASE else model


def stages(files: RunFiles) -> Html:
    """Section on all artifacts: times, hashes, inputs and settings."""
    rows = [_row(one, total_seconds(files)) for one in files.made.values()]
    note = "In the order of their making. The time of an interrupted stage counts from its last start."
    if files.leftovers:
        note += f" Left out, because this recipe does not make them: {', '.join(files.leftovers)}."
    return part(
        "Stages and hashes",
        [],
        section(
            "Artifacts",
            table("kept", ("artifact", "time", "share", "hash of the content", "seed", "commit"), rows),
            hint(f"{note} Time, plots and this report are outside of every hash."),
        )
        if rows
        else None,
        _settings(files.made.values()) if rows else None,
    )


def total_seconds(files: RunFiles) -> float:
    """Time of all artifacts, in seconds."""
    return sum(one.seconds or 0.0 for one in files.made.values())


def _step(files: RunFiles, name: str, state: State) -> Html:
    seconds = files.seconds.get(name, 0.0)
    note = duration(seconds) if seconds and state is State.MADE else state.value
    mark = element("span", _MARKS[state], class_="mark", aria_hidden="true")
    is_linked = state not in (State.MISSING, State.OFF) and name != "base"
    title = element("a", name, href=f"#{name}") if is_linked else element("b", name)
    return element("li", mark, title, element("span", note, class_="soft"), class_=state.name.lower())


def _row(one: Made, total: float) -> tuple[str, ...]:
    time = "–" if one.seconds is None else duration(one.seconds)
    share = (one.seconds or 0.0) / total if total else 0.0
    found = one.manifest
    digest = element("code", found.digest[:_DIGITS])
    return (one.name, time, bar(share, "time"), digest, f"{found.seed}", element("code", found.commit[:_DIGITS]))


def _settings(made: Collection[Made]) -> Html:
    """Inputs and settings of all artifacts, folded."""
    summary = element(
        "summary", element("b", "Inputs and settings"), element("span", f"of {len(made)} artifacts", class_="soft")
    )
    texts = [join(element("h4", one.name), element("pre", _as_json(one.manifest), class_="program")) for one in made]
    return element("details", summary, element("div", *texts, class_="group"), class_="manifest")


def _as_json(manifest: Manifest) -> str:
    inputs = {public(name): digest[:_DIGITS] for name, digest in manifest.inputs.items()}
    shown = {"inputs": inputs, "settings": public(manifest.settings)}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def public(value: Any) -> Any:
    """The value of a setting without private settings and without the directories of absolute paths, at any depth."""
    if isinstance(value, Mapping):
        return {name: public(content) for name, content in value.items() if name not in _PRIVATE}
    if isinstance(value, list | tuple):
        return [public(content) for content in value]
    is_path = isinstance(value, str) and value.startswith(("/", "~"))
    return f"…/{Path(value).name}" if is_path else value
