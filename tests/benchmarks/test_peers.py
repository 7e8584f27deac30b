"""What the comparison with the peers rests on: the prompt they are given, the answers they are credited with, the tables."""

from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from benchmarks.peers import environments, tables
from benchmarks.peers.clients.answers import number, stated
from service.paths.base import FormatV1
from service.types import PathKind


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "How many?  {{ 7 }}\n"}],
        [{"role": "system", "content": ""}, {"role": "user", "content": "User: How many?  {{ 7 }}\n"}],
    ],
    ids=["plain", "as optillm sends it"],
)
def test_the_chat_template_renders_the_student_s_own_prompt(messages: list[dict[str, str]]) -> None:
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


def test_a_summary_s_row_holds_medians_and_their_range(figures: dict[str, Any]) -> None:
    said = tables.summary(figures).splitlines()
    assert said[0] == (
        "The most accurate of the peers: its-hub, self-consistency (50% right). With 8 problems at a time, Twinpath solves "
        "**4.0 (4.0 to 4.0) times** (with 10 + 10 paths at most; 100% right) as many a second."
    )
    assert said[4:6] == [
        "| **Twinpath** | 10 + 10 | 100% (61% to 100%) | 100 | 1.00 (0.67 to 2.00) | 1.0 (0.5 to 1.5) s | 2.0 "
        "| 1.0 GiB | 0 |",
        "| its-hub, self-consistency | 20 + 0 | 50% (19% to 81%) | 100 | 0.25 (0.17 to 0.50) | 4.0 (2.0 to 6.0) s | 2.0 "
        "| 1.0 GiB | 0 |",
    ]


def test_pairs_are_compared_turn_by_turn(figures: dict[str, Any]) -> None:
    assert tables.paired(figures).splitlines()[2:] == [
        "| **Twinpath** / its-hub, self-consistency | × 4.00 (4.00 to 4.00) | × 0.25 (0.25 to 0.25) | 3 | 0 | 0.25 |"
    ]


def test_a_load_s_row_says_how_full_the_engine_was(figures: dict[str, Any]) -> None:
    assert tables.by_load(figures).splitlines()[2] == (
        "| 8 | **Twinpath** | 1.00 (0.67 to 2.00) | 1.00 (0.50 to 1.50) | 2.00 (1.00 to 3.00) | 100 | 100 (67 to 200) "
        "| 4 | 2.0 | 1.0 GiB | 6 of 6 | 0 |"
    )


def test_stages_are_shares_of_the_client_s_seconds(figures: dict[str, Any]) -> None:
    assert tables.stages(figures).splitlines()[2] == (
        "| 8 | **Twinpath** | 0.0% | 90.0% | 6.0% | 4.0% | 0.20 s of 1.00 s | 100 | 50% |"
    )
