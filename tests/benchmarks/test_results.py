"""What the benchmarks of faults and growth make of what they saw."""

from dataclasses import asdict

from benchmarks import chaos, soak
from benchmarks.chaos import Fault, Run
from benchmarks.soak import Sample


def test_a_fault_is_charged_with_what_failed_before_the_next() -> None:
    run = Run(
        ended=[("answered", 1.0, 0.5), ("503", 11.0, 0.1), ("unreachable", 13.5, 0.0), ("429", 14.0, 0.0),
               ("answered", 15.0, 1.2), ("gone", 21.0, 0.1), ("answered", 30.0, 0.4)],
        faults=[Fault("engine killed", 10.0, 20.0), Fault("callers gone", 20.0, 30.0), Fault("engine killed", 30.0, 40.0)],
    )  # fmt: skip
    report = chaos.report(run, 10.0)
    assert report == {
        "requests": 7,
        "results": {"answered": 3, "503": 1, "unreachable": 1, "429": 1, "gone": 1},
        "longest_s": 1.2,
        "deadline_s": 10.0,
        "said": {},
        "faults": {
            "callers gone": {"times": 1, "failed": {}, "recovery_s": [0.0], "longest_s": 0.1},
            "engine killed": {
                "times": 2, "failed": {"503": 1, "unreachable": 1}, "recovery_s": [3.5, 0.0], "longest_s": 1.2
            },
        },
    }  # fmt: skip
    assert chaos.table(report).splitlines()[-1] == "| engine killed | 2 | 1 503, 1 unreachable | 3.5, 0 | 1.2 |"


def test_growth_is_told_without_the_warm_up() -> None:
    memory = [50, 80, 100, 101, 100, 102, 103, 104]
    figures = {
        "minutes": 1.5, "capacity_per_s": 10.0, "rate_per_s": 8.0, "requests": {"200": 720},
        "samples": [asdict(Sample(10.0 * n, mib, 20, 5, 0.5, 1.0)) for n, mib in enumerate(memory)],
        "turns": [{"service": name, "p50_s": p50, "p95_s": 1.5} for name, p50 in
                  [("aged", 9.0), ("fresh", 9.0), ("fresh", 0.9), ("aged", 1.0), ("aged", 1.08), ("fresh", 1.0)]],
    }  # fmt: skip
    first, _, _, _, grown, flat, *_, aged = soak.table(figures).splitlines()
    assert first == "1.5 minutes at 8.0 problems/s, 80% of capacity: 720 answered 200."
    assert grown == "| memory, MiB | 100.5 | 103.5 | +3.0% | 104 |"
    assert flat == "| descriptors | 20 | 20 | +0.0% | 20 |"
    assert aged == (
        "Then by turns, 2 each, with a service started in the end: "
        "p50, s: 1.04 (1.00 to 1.08) beside 0.95 (0.90 to 1.00), 1.09 times; "
        "p95, s: 1.50 (1.50 to 1.50) beside 1.50 (1.50 to 1.50), 1.00 times."
    )
