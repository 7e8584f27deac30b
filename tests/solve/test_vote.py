import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import Answer
from service.solve.vote import Ballot, Tally, beta_confidence, count, winner
from service.types import PathKind
from tests.support.answers import written


def answer(number: int) -> Answer:
    return Answer(str(number), Fraction(number))


def ballots(*votes: tuple[int, PathKind, int]) -> list[Ballot]:
    return [Ballot(index, kind, answer(number)) for index, kind, number in votes]


COT, POT = PathKind.COT, PathKind.POT


def test_counts_by_kind_and_puts_the_winner_first() -> None:
    tallies = count(ballots((0, COT, 51), (1, POT, 51), (2, COT, 7), (3, POT, 51)))
    assert tallies == (Tally(answer(51), 1, 2), Tally(answer(7), 1, 0))
    assert winner(tallies) == tallies[0]


def test_nobody_voted() -> None:
    assert count([]) == ()
    assert winner(()) is None


def test_equal_answers_merge() -> None:
    cast = [Ballot(0, COT, Answer("1/2", Fraction(1, 2))), Ballot(1, POT, Answer("0.5", Fraction(1, 2)))]
    assert count(cast) == (Tally(Answer("0.5", Fraction(1, 2)), 1, 1),)


def test_a_tie_goes_to_both_kinds_and_then_to_the_earliest_path() -> None:
    kinds = count(ballots((0, COT, 1), (1, COT, 1), (2, COT, 2), (3, POT, 2)))
    assert kinds[0].answer == answer(2)
    votes = count(ballots((0, COT, 1), (1, POT, 1), (2, COT, 2), (3, COT, 2), (4, COT, 2)))
    assert votes[0].answer == answer(2)
    earliest = count(ballots((3, COT, 1), (2, COT, 2)))
    assert earliest[0].answer == answer(2)


_CAST = st.lists(st.tuples(st.sampled_from([COT, POT]), st.integers(0, 4)), max_size=20)


@given(_CAST, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_in_which_ballots_come_does_not_matter(
    cast: list[tuple[PathKind, int]], chance: random.Random
) -> None:
    ordered = [Ballot(index, kind, answer(number)) for index, (kind, number) in enumerate(cast)]
    shuffled = ordered.copy()
    chance.shuffle(shuffled)
    assert count(shuffled) == count(ordered)


@given(_CAST)
@settings(max_examples=100)
def test_no_vote_is_lost(cast: list[tuple[PathKind, int]]) -> None:
    tallies = count(Ballot(index, kind, answer(number)) for index, (kind, number) in enumerate(cast))
    assert sum(tally.cot + tally.pot for tally in tallies) == len(cast)
    assert len({tally.answer for tally in tallies}) == len(tallies)
    assert [tally.votes for tally in tallies] == sorted((tally.votes for tally in tallies), reverse=True)


@pytest.mark.parametrize(("v1", "v2"), [(4, 0), (6, 1), (8, 2), (9, 3), (11, 4), (12, 5)])
def test_stop_points_at_95_percent(v1: int, v2: int) -> None:
    assert beta_confidence(v1, v2) >= 0.95
    assert beta_confidence(v1 - 1, v2) < 0.95


@pytest.mark.parametrize(
    ("v1", "v2", "confidence"),
    [(0, 0, 0.5), (1, 0, 0.75), (3, 0, 0.9375), (4, 0, 0.96875), (6, 1, 0.96484375), (3, 3, 0.5), (0, 2, 0.125)],
)
def test_beta_confidence(v1: int, v2: int, confidence: float) -> None:
    assert beta_confidence(v1, v2) == confidence


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=50)
def test_beta_confidence_is_symmetric(v1: int, v2: int) -> None:
    assert beta_confidence(v1, v2) + beta_confidence(v2, v1) == pytest.approx(1, abs=1e-12)


def test_negative_votes_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        beta_confidence(-1, 0)


def cast(*texts: str) -> list[Ballot]:
    """Ballots of both kinds in turn, by notation."""
    return [Ballot(index, (COT, POT)[index % 2], written(text)) for index, text in enumerate(texts)]


def test_a_class_prints_its_value_with_the_most_votes() -> None:
    tallies = count(cast("3.33", "10/3", "3.33", "4", "3.333"))
    assert tallies == (Tally(written("3.33"), 3, 1, loose=4, minor=2), Tally(written("4"), 0, 1))
    assert [tally.paths for tally in tallies] == [(0, 1, 2, 4), (3,)]
    assert [t.answer.text for t in count(cast("3.33", "10/3"))] == ["10/3"]
    assert [(t.answer.text, t.votes) for t in count(cast(*["18.75"] * 9, "18.7512"))] == [("18.75", 10)]


def test_of_two_units_the_one_with_more_votes_is_printed_then_the_first() -> None:
    def facts(*texts: str) -> list[tuple[str, int, int, int]]:
        return [(tally.answer.text, tally.votes, tally.loose, tally.minor) for tally in count(cast(*texts))]

    assert facts("0.28", "28%", "28%") == [("28", 3, 1, 1)]
    assert facts("7/25", "28%") == [("0.28", 2, 1, 1)]
    assert facts("28%", "0.28", "28") == [("28", 2, 0, 0), ("0.28", 1, 1, 0)]


def test_dollars_are_printed_and_not_cents() -> None:
    def facts(*texts: str) -> list[tuple[str, int, int, int]]:
        return [(tally.answer.text, tally.votes, tally.loose, tally.minor) for tally in count(cast(*texts))]

    assert facts("$3.50", "350¢") == [("3.5", 2, 2, 1)]
    assert facts("350¢", "350¢", "$3.5") == [("3.5", 3, 2, 2)]
    assert facts("350¢", "350¢") == [("350", 2, 2, 2)]
    assert facts("350¢", "350") == [("350", 2, 0, 0)]


def test_a_written_decimal_is_loose_until_its_value_is_exact() -> None:
    assert [tally.loose for tally in count(cast("3.33", "3.33"))] == [2]
    assert [tally.loose for tally in count(cast("3.25", "13/4"))] == [0]
    assert [tally.loose for tally in count(cast("3.5", "51.00", "yes"))] == [0, 0, 0]
