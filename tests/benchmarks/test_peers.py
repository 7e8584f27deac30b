"""Comparison with the peers: their prompt, their answers, the tables."""

from typing import Any

import pytest

from benchmarks.peers import environments, tables
from benchmarks.peers.clients.answers import number, stated
from service.paths.base import FormatV1
from service.types import PathKind
from tests.support.markdown import rows


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "How many?  {{ 7 }}\n"}],
        [{"role": "system", "content": ""}, {"role": "user", "content": "User: How many?  {{ 7 }}\n"}],
    ],
    ids=["plain", "as optillm sends it"],
)
def test_the_chat_template_renders_the_student_s_own_prompt(messages: list[dict[str, str]]) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template  # takes almost a second

    template = (environments.HERE / "chat_template.jinja").read_text()
    rendered, _ = render_jinja_template(
        [messages], chat_template=template, add_generation_prompt=True, bos_token="<bos>"
    )
    assert rendered == [FormatV1("<bos>").prompt(PathKind.COT, "How many?  {{ 7 }}\n")]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("He has 3 * 17 = 51 left. The answer is 51.0", "51"),
        ("The answer is $1,000.", "1000"),
        ("The answer is 2. No: the answer is -0.5", "-0.5"),
        ("3 * 17 = 51", None),
        ("The answer is unknown", None),
    ],
)
def test_a_peer_s_answer_is_the_last_stated_number(text: str, answer: str | None) -> None:
    assert stated(text) == answer


@pytest.mark.parametrize(("text", "value"), [("51.0", "51"), ("1e3", "1000"), ("", None), ("[1]", None), ("inf", None)])
def test_a_program_s_output_is_a_number_in_one_notation(text: str, value: str | None) -> None:
    assert number(text) == value


def _run(system: str, turn: int, right: list[bool], seconds: float, **stages: float) -> dict[str, Any]:
    return {
        "round": turn,
        "system": system,
        "concurrency": 8,
        "problems": len(right),
        "right": right,
        "failures": [],
        "tokens": 100.0 * len(right),
        "seconds": seconds,
        "steps": 50.0,
        "problems_per_s": len(right) / seconds,
        "p50_s": seconds / 2,
        "p95_s": seconds,
        "cpu_s": 2.0 * len(right),
        "peak_bytes": 2**30,
        "stages": stages,
    }


@pytest.fixture
def figures() -> dict[str, Any]:
    parts = {"queue": 0.0, "engine": 0.9, "after": 0.06, "http": 0.04, "programs": 0.2}
    ours = [_run("twinpath", turn, [True, True], 1.0 * turn, **parts) for turn in (1, 2, 3)]
    theirs = [_run("its-hub", turn, [True, False], 4.0 * turn) for turn in (1, 2, 3)]
    return {
        "model": "student",
        "rounds": 3,
        "settings": {"temperature": 0.7, "max_tokens": 320},
        "ceiling_tokens_per_s": 200.0,
        "runs": [*ours, *theirs],
    }


def test_the_headline_names_the_best_peer_and_the_ratio(figures: dict[str, Any]) -> None:
    headline = tables.headline(figures)
    assert "its-hub, self-consistency (50% right)" in headline
    assert "**4.0 (4.0 to 4.0) times** (with 10 + 10 paths at most; 100% right)" in headline


def test_a_summary_row_holds_medians_and_ranges(figures: dict[str, Any]) -> None:
    ours, theirs = rows(tables.summary(figures))
    assert (ours["system"], theirs["system"]) == ("**Twinpath**", "its-hub, self-consistency")
    assert ours["accuracy (95 %)"] == "100% (61% to 100%)"
    assert theirs["accuracy (95 %)"] == "50% (19% to 81%)"
    assert ours["problems/s, 8 at a time"] == "1.00 (0.67 to 2.00)"
    assert theirs["problems/s, 8 at a time"] == "0.25 (0.17 to 0.50)"
    assert ours["p50, 8 at a time"] == "1.0 (0.5 to 1.5) s"
    assert (ours["tokens"], ours["CPU s"], ours["peak memory"], ours["failed"]) == ("100", "2.0", "1.0 GiB", "0")


def test_pairs_are_compared_within_their_turn(figures: dict[str, Any]) -> None:
    (row,) = rows(tables.paired(figures))
    assert row[""] == "**Twinpath** / its-hub, self-consistency"
    assert row["problems/s, 8 at a time"] == "× 4.00 (4.00 to 4.00)"
    assert row["p50, 8 at a time"] == "× 0.25 (0.25 to 0.25)"
    assert (row["only Twinpath right"], row["only the peer"], row["p (McNemar)"]) == ("3", "0", "0.25")


def test_a_load_row_holds_the_paths_of_one_engine_step(figures: dict[str, Any]) -> None:
    row = rows(tables.by_load(figures))[0]
    assert (row["at a time"], row["system"]) == ("8", "**Twinpath**")
    assert row["paths in a step"] == "4"  # 200 tokens in 50 steps
    assert row["tokens/s"] == "100 (67 to 200)"
    assert row["right"] == "6 of 6"


def test_stages_are_shares_of_the_clients_seconds(figures: dict[str, Any]) -> None:
    (row,) = rows(tables.stages(figures))
    shares = [row[name] for name in ("waits", "engine", "end of programs, vote, abort", "HTTP")]
    assert shares == ["0.0%", "90.0%", "6.0%", "4.0%"]
    assert row["programs, summed"] == "0.20 s of 1.00 s"
    assert (row["tokens/s"], row["share of the engine's maximum"]) == ("100", "50%")
