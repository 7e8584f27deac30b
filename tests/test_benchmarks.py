"""What the benchmarks of faults and growth make of what they saw."""

from benchmarks import chaos, soak
from benchmarks.chaos import Fault, Run
from benchmarks.soak import Sample


def test_a_fault_is_charged_with_what_failed_before_the_next() -> None:
    run = Run(
        ended=[("answered", 1.0, 0.5), ("503", 11.0, 0.1), ("unreachable", 13.5, 0.0), ("429", 14.0, 0.0),
               ("answered", 15.0, 1.2), ("gone", 21.0, 0.1), ("answered", 30.0, 0.4)],
        faults=[Fault("engine killed", 10.0, 20.0), Fault("callers gone", 20.0, 30.0), Fault("engine killed", 30.0, 40.0)],
    )  # fmt: skip
    assert chaos.report(run, 10.0) == {
        "requests": 7,
        "results": {"answered": 3, "503": 1, "unreachable": 1, "429": 1, "gone": 1},
        "longest_s": 1.2,
        "deadline_s": 10.0,
        "said": {},
        "faults": {
            "callers gone": {"times": 1, "failed": {}, "recovery_s": [0.0]},
            "engine killed": {"times": 2, "failed": {"503": 1, "unreachable": 1}, "recovery_s": [3.5, 0.0]},
        },
    }


def test_growth_is_told_without_the_warm_up() -> None:
    samples = [Sample(10.0 * n, rss, 20, 5, 0.5, 1.0) for n, rss in enumerate([50, 80, 100, 101, 100, 102, 103, 104])]
    report = soak.report(samples)
    assert report["rss_mib"] == {"early": 100.5, "late": 103.5, "most": 104}
    assert report["descriptors"] == {"early": 20.0, "late": 20, "most": 20}
