import pytest

from service.paths.answer import parse_answer
from service.paths.equality import matches


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("51", "51", True),
        ("51.0", "51", True),
        ("50.9", "51", False),
        ("10/3", "3", False),
        ("10/3", "3.33", True),
        ("3.3349", "3.33", True),
        ("3.336", "3.33", False),
        ("3.335", "3.33", True),
        ("50.96", "51.0", False),
        ("51", "51.0", True),
        ("1080", "1,080", True),
        ("-5", "-5", True),
        ("5", "-5", False),
        ("yes", "Yes", True),
        ("yes", "no", False),
        ("B", "B", True),
        ("B", "0.5", False),
        ("5", "", False),
    ],
)
def test_matches(text: str, gold: str, right: bool) -> None:
    answer = parse_answer(text)
    assert answer is not None
    assert matches(answer, gold) is right
