"""Synthetic story problems."""

import random
from fractions import Fraction
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.paths.cot import parse_cot
from training.data import synthetic
from training.data.augment import run_lines

TEMPLATES = Path(__file__).parents[3] / "data" / "stories.toml"


def test_stories_are_right_distinct_and_the_same_for_a_seed() -> None:
    templates = synthetic.load_templates(TEMPLATES)
    drawn = list(synthetic.draw(600, 3, templates))
    assert drawn[:100] == list(synthetic.draw(100, 3, templates))
    assert len({problem.question for problem, *_ in drawn}) == 600
    for problem, cot, pot in drawn:
        read = parse_cot(cot.text)
        assert read.answer is not None
        assert not read.repaired, cot.text
        assert str(read.answer.value) == problem.answer
        assert run_lines(pot.text) == Fraction(problem.answer) > 0
        assert "{" not in problem.question + cot.text + pot.text


def test_every_question_of_the_templates_can_be_drawn() -> None:
    templates = synthetic.load_templates(TEMPLATES)
    rng = random.Random(1)
    for story in templates.story:
        for question in story.asks:
            assert any(synthetic.fill(story, question, templates, rng) for _ in range(20)), question


def test_the_same_seed_draws_the_same_problems_in_every_version() -> None:
    problem, _, program = next(synthetic.draw(1, 7, synthetic.load_templates(TEMPLATES)))
    assert (problem.id, problem.answer, program.teacher) == ("stories/7-0", "123", "synthetic")


def test_invalid_templates_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"the template file .*nowhere.* cannot be read: No such file or directory\."
    ):
        synthetic.load_templates(tmp_path / "nowhere")
    (tmp_path / "templates.toml").write_text("people = 3")
    with pytest.raises(ConfigurationError, match=r"templates\.toml is not a valid template file"):
        synthetic.load_templates(tmp_path / "templates.toml")


ONE_STORY = """
people = ["Ann", "Ben", "Cy"]
female = []
things = [["pens", "cups", "hats"]]
places = ["the park"]
boxes = ["bags"]
[[story]]
facts = ["{{n}} has {{a}} {{x}}."]
asks = [{{ q = "{question}", steps = ["{step}"] }}]
"""


def drawn(directory: Path, question: str, step: str) -> list[object]:
    path = directory / "templates.toml"
    path.write_text(ONE_STORY.format(question=question, step=step))
    return list(synthetic.draw(9, 1, synthetic.load_templates(path)))


@pytest.mark.parametrize(
    ("question", "step", "reason"),
    [
        ("How many {no}?", "he has {a} | n = a + 1", "the template 'How many {no}?' cannot be filled: 'no'"),
        ("How many?", "he has {a} | {no} = a + 1", "the template 'How many?' cannot be filled: 'no'"),
        ("How many {", "he has {a} | n = a + 1", "the template 'How many {' cannot be filled: Single '{' encountered"),
        ("{a.b}?", "he has {a} | n = a + 1", "the template '{a.b}?' cannot be filled: 'str' object has no attribute"),
        ("How many?", "he has {a} | n = a - a", "the templates give only about 0 problems, not 9"),
    ],
)
def test_templates_that_give_no_problem_are_refused(
    question: str, step: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(drawn(tmp_path, "How many?", "he has {a} | n = a + 1")) == 9
    monkeypatch.setattr(synthetic, "_MAX_MISSES", 3)
    with pytest.raises(ConfigurationError) as raised:
        drawn(tmp_path, question, step)
    assert str(raised.value).startswith(reason)


def test_templates_of_an_odd_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "templates.toml"
    for content in (b"\xff", b"x = " + b"[" * 100_000, b"x = " + b"1" * 5000):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"templates\.toml cannot be read: "):
            synthetic.load_templates(path)
    path.write_text('people = ["Ann"]\nfemale = []\nthings = []\nplaces = []\nboxes = []\nstory = []')
    with pytest.raises(ConfigurationError, match=r"`people` must be a list"):
        synthetic.load_templates(path)
