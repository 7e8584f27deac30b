"""Figures of the benchmarks of faults, growth, scale and speed."""

from dataclasses import asdict

from benchmarks import chaos, failover, remote, scale, soak
from benchmarks.chaos import Fault, Run
from benchmarks.soak import Sample
from tests.support.markdown import rows


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
    killed = rows(chaos.table(report))[-1]
    assert (killed["failed requests"], killed["recovery, s"]) == ("1 503, 1 unreachable", "3.5, 0")


def test_growth_leaves_out_the_warm_up() -> None:
    memory = [50, 80, 100, 101, 100, 102, 103, 104]
    figures = {
        "minutes": 1.5, "capacity_per_s": 10.0, "rate_per_s": 8.0, "requests": {"200": 720},
        "samples": [asdict(Sample(10.0 * n, mib, 20, 5, 0.5, 1.0)) for n, mib in enumerate(memory)],
        "turns": [{"service": name, "p50_s": p50, "p95_s": 1.5} for name, p50 in
                  [("aged", 9.0), ("fresh", 9.0), ("fresh", 0.9), ("aged", 1.0), ("aged", 1.08), ("fresh", 1.0)]],
    }  # fmt: skip
    text = soak.table(figures)
    assert "80% of capacity: 720 answered 200" in text
    grown, flat, *_ = rows(text)
    assert list(grown.values()) == ["memory, MiB", "100.5", "103.5", "+3.0%", "104"]
    assert list(flat.values()) == ["descriptors", "20", "20", "+0.0%", "20"]
    assert "p50, s: 1.04 (1.00 to 1.08) beside 0.95 (0.90 to 1.00), 1.09 times" in text
    assert "p95, s: 1.50 (1.50 to 1.50) beside 1.50 (1.50 to 1.50), 1.00 times" in text


def test_throughput_of_a_failover_has_three_spans() -> None:
    run = failover.Run(ended=[1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 10.0], lost=["5: late"], killed_s=4.0, back_s=8.0)
    figures = failover.figures_of(run)
    assert figures["problems_per_s"] == {"before": 0.75, "without": 0.5, "after": 0.5}  # a span has no last instant
    assert (figures["problems"], figures["lost"]) == (7, 1)
    (row,) = rows(failover.table(figures))
    assert list(row.values()) == ["7", "1", "0.75", "0.50", "0.50"]
    assert "gone for 4 of 10 s" in failover.table(figures)


def test_the_ratio_of_the_engines_is_the_median_of_the_turns() -> None:
    rates = {"in process": [100.0, 200.0, 100.0], "remote": [50.0, 150.0, 90.0]}
    (row,) = rows(remote.table({"tokens": 64, "rows": [{"concurrency": 4, "tokens_per_s": rates}]}))
    assert list(row.values()) == ["4", "100 (100 to 200)", "90 (50 to 150)", "0.75 (0.50 to 0.90)"]


def test_a_row_of_the_scale_table_holds_cores_by_part() -> None:
    cores = {f"{part}_cores": number / 10 for number, part in enumerate(scale.PARTS, start=1)}
    figures = {"workers": 2, "problems_per_s": 3.0, "efficiency": 0.75, "service_cpu_ms_per_problem": 40.0} | cores
    (row,) = rows(scale.table({"router": False, "replicas": 2, "rows": [figures]}))
    assert list(row.values()) == ["2", "3.00", "0.75", "40.0", "0.10", "0.20", "0.30", "0.40"]
