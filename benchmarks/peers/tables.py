"""Tables and a plot of the comparison with the peers."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import spread
from service.evaluation.statistics import wilson
from training.sample.statistics import mcnemar

OURS = ("twinpath", "twinpath-few", "twinpath-remote")
LABELS = {
    "twinpath": "**Twinpath**",
    "twinpath-few": "**Twinpath**, few paths",
    "twinpath-remote": "**Twinpath**, remote engine",
    "its-hub": "its-hub, self-consistency",
    "its-hub-beta": "its-hub, Beta",
    "optillm-majority": "optillm, majority voting",
    "optillm-consistency": "optillm, self_consistency",
    "script": "script over `vllm serve`",
}
"""Names in the tables."""
PATHS = {
    "twinpath": "10 + 10",
    "twinpath-few": "2 + 2",
    "twinpath-remote": "10 + 10",
    "script": "10 + 10",
    "optillm-consistency": "5 + 0",
}
"""CoT and PoT paths per problem. Default: 20 + 0."""
Row = dict[str, Any]


def summary(figures: dict[str, Any]) -> str:
    """Markdown: the headline, then one row per system."""
    loads = _loads(figures)
    head = ["system", "paths, CoT + PoT", "accuracy (95 %)", "tokens"]
    head += [f"problems/s, {load} at a time" for load in loads]
    head += [f"p50, {loads[0]} at a time", "CPU s", "peak memory", "failed"]
    rows = []
    for system in _systems(figures):
        runs = _runs(figures, system)
        cells = [LABELS[system], PATHS.get(system, "20 + 0"), accuracy(runs), f"{_each(runs, 'tokens'):.0f}"]
        cells += [spread(_values(_at(runs, load), "problems_per_s"), ".2f") for load in loads]
        cells += [spread(_values(_at(runs, loads[0]), "p50_s"), ".1f") + " s", f"{_each(runs, 'cpu_s'):.1f}"]
        cells += [f"{_peak(runs):.1f} GiB", str(_failed(runs))]
        rows.append(cells)
    return "\n\n".join([headline(figures), _table(head, rows), _note(figures)])


def headline(figures: dict[str, Any]) -> str:
    """One sentence on Twinpath and the most accurate peer under the heaviest load."""

    def share(system: str) -> float:
        runs = _runs(figures, system)
        return sum(sum(run["right"]) for run in runs) / _problems(runs)

    load = _loads(figures)[-1]
    rivals = [system for system in _systems(figures) if system not in OURS]
    if not rivals:
        return "No peer ran."
    rival = max(rivals, key=share)
    parts = []
    for one in (system for system in OURS[:2] if system in _systems(figures)):
        ours, theirs = (_values(_at(_runs(figures, name), load), "problems_per_s") for name in (one, rival))
        ratio = spread([mine / yours for mine, yours in zip(ours, theirs, strict=True)], ".1f")
        parts.append(f"**{ratio} times** (with {PATHS[one]} paths at most; {share(one):.0%} right)")
    return (
        f"The most accurate of the peers: {LABELS[rival]} ({share(rival):.0%} right). With {load} problems at a time, "
        f"Twinpath solves {' and '.join(parts)} as many problems per second."
    )


def by_load(figures: dict[str, Any]) -> str:
    """Markdown: one row per concurrency and system."""
    head = ["at a time", "system", "problems/s", "p50, s", "p95, s", "tokens", "tokens/s", "paths in a step"]
    head += ["CPU s", "peak memory", "right", "failed"]
    rows = []
    for load in _loads(figures):
        for system in _systems(figures):
            runs = _at(_runs(figures, system), load)
            right = sum(sum(run["right"]) for run in runs)
            cells = [str(load), LABELS[system]]
            cells += [spread(_values(runs, name), ".2f") for name in ("problems_per_s", "p50_s", "p95_s")]
            cells += [f"{_each(runs, 'tokens'):.0f}", spread([run["tokens"] / run["seconds"] for run in runs], ".0f")]
            cells += [f"{sum(_values(runs, 'tokens')) / sum(_values(runs, 'steps')):.0f}"]
            cells += [f"{_each(runs, 'cpu_s'):.1f}", f"{_peak(runs):.1f} GiB"]
            rows.append([*cells, f"{right} of {_problems(runs)}", str(_failed(runs))])
    return _table(head, rows)


def paired(figures: dict[str, Any]) -> str:
    """Markdown: Twinpath against each peer, by throughput, latency and paired accuracy."""
    loads = _loads(figures)
    head = ["", *(f"problems/s, {load} at a time" for load in loads)]
    head += [f"p50, {load} at a time" for load in loads] + ["only Twinpath right", "only the peer", "p (McNemar)"]
    rows = []
    for one in ("twinpath", "twinpath-few"):
        for other in _systems(figures):
            ours, theirs = _runs(figures, one), _runs(figures, other)
            if not ours or other in OURS:
                continue
            cells = [f"{LABELS[one]} / {LABELS[other]}"]
            for name in ("problems_per_s", "p50_s"):
                for load in loads:
                    pairs = zip(_values(_at(ours, load), name), _values(_at(theirs, load), name), strict=True)
                    cells.append("× " + spread([mine / yours for mine, yours in pairs], ".2f"))
            test = mcnemar(*([right for run in runs for right in run["right"]] for runs in (ours, theirs)))
            rows.append([*cells, str(test.only_first), str(test.only_second), _p_value(test.p)])
    return _table(head, rows)


def stages(figures: dict[str, Any]) -> str:
    """Markdown: Twinpath's time by stage at each concurrency, and its share of the engine's speed."""
    ceiling = figures["ceiling_tokens_per_s"]
    head = ["at a time", "system", "waits", "engine", "end of programs, vote, abort", "HTTP"]
    head += ["programs, summed", "tokens/s"] + (["share of the engine's maximum"] if ceiling else [])
    rows = []
    for load in _loads(figures):
        for system in OURS:
            runs = _at(_runs(figures, system), load)
            if not runs:
                continue
            parts = {name: statistics.fmean(run["stages"][name] for run in runs) for name in runs[0]["stages"]}
            whole = sum(parts[name] for name in ("queue", "engine", "after", "http"))
            rate = statistics.median(run["tokens"] / run["seconds"] for run in runs)
            cells = [str(load), LABELS[system]]
            cells += [f"{parts[name] / whole:.1%}" for name in ("queue", "engine", "after", "http")]
            cells += [f"{parts['programs']:.2f} s of {whole:.2f} s", f"{rate:.0f}"]
            rows.append(cells + ([f"{rate / ceiling:.0%}"] if ceiling else []))
    note = f"\n\nvLLM's offline `generate` reached {ceiling:.0f} tokens/s." if ceiling else ""
    return _table(head, rows) + note


def plot(figures: dict[str, Any], path: Path) -> None:
    """Accuracy against tokens, and problems per second against concurrency."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (cost, rate) = plt.subplots(1, 2, figsize=(11, 4.4))
    for system in _systems(figures):
        runs, loads = _runs(figures, system), _loads(figures)
        label, marker = LABELS[system].replace("*", "").replace("`", ""), "o" if system in OURS else "s"
        right, n = sum(sum(run["right"]) for run in runs), _problems(runs)
        low, high = wilson(right, n)
        errors = [[right / n - low], [high - right / n]]
        cost.errorbar(_each(runs, "tokens"), right / n, yerr=errors, marker=marker, capsize=3, label=label)
        medians = [statistics.median(_values(_at(runs, load), "problems_per_s")) for load in loads]
        rate.plot(loads, medians, marker=marker, label=label)
    cost.set(xlabel="completion tokens a problem", ylabel="accuracy, with 95 % interval", xlim=(0, None))
    rate.set(xlabel="problems at a time", ylabel="problems per second", xscale="log", ylim=(0, None))
    rate.set_xticks(_loads(figures), [str(load) for load in _loads(figures)])
    rate.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _p_value(p: float) -> str:
    return f"{p:.2f}" if p >= 0.005 else "< 0.01"


def _note(figures: dict[str, Any]) -> str:
    chosen = figures["settings"]
    problems = _problems(_runs(figures, _systems(figures)[0]))
    return (
        f"`{figures['model']}`, {problems} problems per system, medians (and ranges) of {figures['rounds']} rounds in "
        f"turn, T = {chosen['temperature']}, at most {chosen['max_tokens']} tokens per path. Tokens and CPU seconds "
        "are those of one problem, the engine's included; memory is that of all processes, with each shared page "
        "counted once."
    )


def _systems(figures: dict[str, Any]) -> list[str]:
    ran = {run["system"] for run in figures["runs"]}
    return [system for system in LABELS if system in ran]


def _loads(figures: dict[str, Any]) -> list[int]:
    return sorted({run["concurrency"] for run in figures["runs"]})


def _runs(figures: dict[str, Any], system: str) -> list[Row]:
    return [run for run in figures["runs"] if run["system"] == system]


def _at(runs: Iterable[Row], load: int) -> list[Row]:
    return [run for run in runs if run["concurrency"] == load]


def _values(runs: Iterable[Row], name: str) -> list[float]:
    return [run[name] for run in runs]


def _problems(runs: Iterable[Row]) -> int:
    return sum(run["problems"] for run in runs)


def _failed(runs: Iterable[Row]) -> int:
    return sum(len(run["failures"]) for run in runs)


def _each(runs: Sequence[Row], name: str) -> float:
    """Mean per problem over all runs."""
    return sum(_values(runs, name)) / _problems(runs)


def _peak(runs: Iterable[Row]) -> float:
    return float(max(_values(runs, "peak_bytes")) / 2**30)


def accuracy(runs: Sequence[Row]) -> str:
    """Share of right answers, with its 95 % interval."""
    right, n = sum(sum(run["right"]) for run in runs), _problems(runs)
    low, high = wilson(right, n)
    return f"{right / n:.0%} ({low:.0%} to {high:.0%})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
