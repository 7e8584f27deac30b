"""What the last stages write: facts as JSON, tables as Markdown, plots as PNG (under `log/`, outside the hash)."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.solve.calibration import Calibration
from training import measure, plots
from training.calibrate import best_temperature
from training.compare import Students, compare, table
from training.export import Facts, write_adapter, write_model
from training.manifest import LOG
from training.modelcard import model_card
from training.rationale import read_rationales
from training.recipe import Decoding, Recipe
from training.sampling import Sampler, read_samples

SAMPLES = "samples.jsonl"
_SERVED = ("weights", "repaired", "threshold", "patience", "confidence_map", "ece", "problems")


def open_sampler(decoding: Decoding, model: Path, log: Path) -> AbstractContextManager[Sampler]:
    """The sampler that a recipe asks for, over a merged model's directory."""
    if decoding.engine == "vllm":
        from training.served import ServedStudent

        return ServedStudent(model, decoding.max_tokens, log)
    import torch

    from training.local import LocalStudent
    from training.student import load_base, load_tokenizer

    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    return LocalStudent(load_base(model, dtype).to(device), load_tokenizer(model), decoding.max_tokens)


def write_comparison(samples: Mapping[str, Path], paths: int, out: Path) -> None:
    """`compare.json`, `compare.md` and the two curves."""
    mixed, cot, pot = (list(read_samples(samples[name])) for name in ("mixed", "cot", "pot"))
    facts = compare(Students(mixed, cot, pot), paths)
    _write(out / "compare.json", facts)
    (out / "compare.md").write_text(table(facts))
    plots.curves(facts["curves"], out / LOG)


def write_calibration(samples: Mapping[float, Path], paths: int, bins: int, seed: int, out: Path) -> None:
    """`calibration.json` of the best temperature, the reliability diagram and accuracy against coverage."""
    facts = best_temperature({t: list(read_samples(path)) for t, path in samples.items()}, paths, bins, seed)
    _write(out / "calibration.json", facts)
    plots.reliability(facts, out / LOG)


def read_temperature(calibrated: Path) -> float:
    """The temperature that a calibration found best."""
    return float(_read(calibrated / "calibration.json")["temperature"])


def write_measure(samples: Path, calibrated: Path, paths: int, bins: int, seed: int, out: Path) -> None:
    """`measure.json`, `measure.md`, and the plots of the confidence."""
    calibration = Calibration.model_validate(_read(calibrated / "calibration.json"))
    facts = measure.measure(list(read_samples(samples)), paths, calibration, bins, seed)
    _write(out / "measure.json", facts)
    (out / "measure.md").write_text(measure.table(facts))
    plots.reliability(facts, out / LOG)


def write_export(
    recipe: Recipe,
    out: Path,
    *,
    base: str,
    student: Path,
    facts: Facts,
    data: Path,
    rationales: Sequence[Path],
    calibrated: Path | None,
    measured: Path | None,
) -> None:
    """The checkpoint in all its variants, each with its facts and its card."""
    calibration = _read(calibrated / "calibration.json") if calibrated else {}
    found = _read(measured / "measure.json") if measured else {"sets": {}}
    accuracy = {f"{name}, {what}": row for name, rows in found["sets"].items() for what, row in rows.items()}
    decoding = {"temperature": calibration["temperature"]} if calibration else {}
    whole = replace(facts, decoding=decoding, calibration=_served(calibration), accuracy=accuracy)
    teachers = sorted({rationale.teacher for path in rationales for rationale in read_rationales(path)})
    card = model_card(recipe, _read(data / "card.json"), teachers, accuracy, found.get("calibration_errors", {}))
    write_model(base, student, out / "model", whole, card)
    write_adapter(base, student, out / "adapter", whole, card)
    if recipe.export.int8:
        from training.quantize import write_int8

        write_int8(out / "model", out / "int8")


def _served(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a calibration that belongs into `twinpath.json`."""
    return {name: calibration[name] for name in _SERVED if name in calibration}


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
