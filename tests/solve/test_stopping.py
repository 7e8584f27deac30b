"""When a vote is decided: the exact points, not one vote earlier."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import Answer
from service.solve.stopping import BETA_THRESHOLD, Load, StoppingRule, min_paths_to_decide, paths_to_start
from service.solve.stopping import decided as decided_by
from service.solve.vote import Ballot, Tally, beta_confidence, count
from service.types import PathKind, Policy
from tests.support.answers import NOTATIONS, written

COT, POT = PathKind.COT, PathKind.POT
MANY = (COT, POT) * 50


def tally(number: int, cot: int, pot: int) -> Tally:
    return Tally(Answer(str(number), Fraction(number)), cot, pot)


def decided(policy: Policy, tallies: Sequence[Tally], missing: Sequence[PathKind]) -> bool:
    return decided_by(StoppingRule(policy), tallies, missing)


def votes(leader: int, runner_up: int, *others: int) -> list[Tally]:
    """Votes of both kinds behind the leader."""
    tallies = [tally(0, leader - 1, 1)]
    return tallies + [tally(number, votes, 0) for number, votes in enumerate((runner_up, *others), 1) if votes]


@pytest.mark.parametrize(
    ("leader", "runner_up"), [(4, 0), (6, 1), (8, 2), (9, 3), (11, 4), (12, 5)], ids=lambda votes: str(votes)
)
def test_adaptive_stops_at_the_beta_points_and_not_one_vote_earlier(leader: int, runner_up: int) -> None:
    assert decided(Policy.ADAPTIVE, votes(leader, runner_up), MANY)
    assert not decided(Policy.ADAPTIVE, votes(leader - 1, runner_up), MANY)
    assert not decided(Policy.ADAPTIVE, votes(leader, runner_up + 1), MANY)


def test_the_threshold_is_that_of_the_paper() -> None:
    assert BETA_THRESHOLD == 0.95
    assert beta_confidence(4, 0) == 31 / 32
    assert beta_confidence(3, 0) == 15 / 16


def test_third_answers_do_not_hold_adaptive_up() -> None:
    assert decided(Policy.ADAPTIVE, votes(6, 1, 1, 1, 1), MANY)


def test_adaptive_wants_a_vote_of_each_kind_that_can_still_come() -> None:
    alone = [tally(0, 20, 0)]
    assert not decided(Policy.ADAPTIVE, alone, (COT,) * 25 + (POT,))
    assert not decided(Policy.ADAPTIVE, alone, (POT,) + (COT,) * 25)
    assert decided(Policy.ADAPTIVE, alone, (COT,) * 25)
    assert not decided(Policy.ADAPTIVE, [tally(0, 0, 20)], MANY)
    assert decided(Policy.ADAPTIVE, [tally(0, 0, 20)], (POT,) * 25)
    assert decided(Policy.ADAPTIVE, [tally(0, 1, 3)], MANY)


def test_adaptive_wants_both_kinds_behind_the_leader_itself() -> None:
    assert not decided(Policy.ADAPTIVE, [tally(0, 9, 0), tally(1, 0, 1)], MANY)
    assert decided(Policy.ADAPTIVE, [tally(0, 9, 1), tally(1, 0, 1)], MANY)


def test_a_leader_of_one_kind_that_cannot_be_overtaken_is_enough() -> None:
    for policy in (Policy.ADAPTIVE, Policy.LOSSLESS):
        assert decided(policy, [tally(0, 3, 0)], (POT, POT))
        assert not decided(policy, [tally(0, 3, 0)], (POT,) * 3)


@pytest.mark.parametrize(("lead", "missing"), list(product(range(1, 6), repeat=2)))
def test_lossless_stops_when_the_missing_paths_cannot_even_tie(lead: int, missing: int) -> None:
    for runner_up in (0, 1, 4):
        assert decided(Policy.LOSSLESS, votes(runner_up + lead, runner_up), (POT,) * missing) == (lead > missing)


def test_lossless_never_stops_on_confidence() -> None:
    assert not decided(Policy.LOSSLESS, votes(40, 0), MANY)


@pytest.mark.parametrize("tallies", [[], votes(1, 0), votes(64, 0)])
def test_fixed_waits_for_all(tallies: Sequence[Tally]) -> None:
    assert not decided(Policy.FIXED, tallies, (COT,))
    assert decided(Policy.FIXED, tallies, ())


@pytest.mark.parametrize("policy", Policy)
def test_an_exhausted_budget_decides_whatever_the_votes(policy: Policy) -> None:
    assert decided(policy, [], ())
    assert decided(policy, votes(1, 1), ())
    assert not decided(policy, [], (COT,))
    assert not decided(policy, votes(1, 1), (POT,))


def test_what_is_decided_losslessly_no_continuation_changes() -> None:
    for length in range(1, 5):
        for cast in product(range(3), repeat=length):
            ballots = [Ballot(i, (COT, POT)[i % 2], Answer(str(n), Fraction(n))) for i, n in enumerate(cast)]
            for missing in range(1, 4):
                if not decided(Policy.LOSSLESS, count(ballots), (COT,) * missing):
                    continue
                for more in product(range(4), repeat=missing):
                    rest = [Ballot(length + i, COT, Answer(str(n), Fraction(n))) for i, n in enumerate(more)]
                    assert count(ballots + rest)[0].answer == count(ballots)[0].answer


def test_a_threshold_of_its_own() -> None:
    assert decided_by(StoppingRule(Policy.ADAPTIVE, 0.9), votes(3, 0), MANY)
    assert not decided_by(StoppingRule(Policy.ADAPTIVE, 0.97), votes(4, 0), MANY)


@pytest.mark.parametrize(
    ("policy", "tallies", "needed"),
    [
        (Policy.FIXED, [], 20),
        (Policy.LOSSLESS, [], 11),
        (Policy.ADAPTIVE, [], 4),
        (Policy.ADAPTIVE, votes(2, 0), 2),
        (Policy.ADAPTIVE, votes(3, 1), 3),
        (Policy.ADAPTIVE, votes(4, 0), 0),
        (Policy.ADAPTIVE, [tally(0, 4, 0)], 2),  # the first vote of the other kind is the second path
    ],
)
def test_the_soonest_decision(policy: Policy, tallies: list[Tally], needed: int) -> None:
    assert min_paths_to_decide(StoppingRule(policy), tallies, (COT, POT) * 10) == needed


@given(
    policy=st.sampled_from(list(Policy)),
    cast=st.lists(st.sampled_from([None, 0, 0, 1, 2]), max_size=12),
    left=st.integers(0, 12),
)
def test_no_fewer_paths_than_the_soonest_can_decide(policy: Policy, cast: list[int | None], left: int) -> None:
    rule = StoppingRule(policy)
    kinds = ((COT, POT) * 13)[: len(cast) + left]

    def ballots(cast: Sequence[int | None]) -> list[Ballot]:
        return [
            Ballot(i, kind, Answer(str(n), Fraction(n)))
            for i, (kind, n) in enumerate(zip(kinds, cast, strict=False))
            if n is not None
        ]

    tallies = count(ballots(cast))
    needed = min_paths_to_decide(rule, tallies, kinds[len(cast) :])
    leader = int(tallies[0].answer.text) if tallies else 0
    for more in range(needed + 1):
        together = [*cast, *[leader] * more]
        assert decided_by(rule, count(ballots(together)), kinds[len(together) :]) == (more == needed)


@pytest.mark.parametrize(
    ("needed", "uncounted", "unstarted", "load", "started"),
    [
        (4, 0, 20, Load(4, 0, 60, 1, 64), 20),  # idle: the whole budget
        (4, 0, 20, Load(0, 0, 0, 1, 64), 4),  # busy: only what the vote needs
        (4, 0, 20, Load(4, 0, 0, 2, 64), 4),
        (4, 0, 20, Load(4, 0, 6, 2, 64), 7),  # its part of the free slots
        (4, 0, 20, Load(4, 0, 60, 1, 6), 6),  # eager paths are limited
        (4, 0, 20, Load(4, 0, 60, 1, 2), 4),  # needed paths are not
        (2, 4, 16, Load(3, 3, 60, 1, 8), 5),
        (4, 4, 16, Load(4, 4, 0, 3, 64), 0),
        (3, 1, 12, Load(1, 1, 0, 3, 64), 2),
        (3, 1, 1, Load(1, 1, 0, 3, 64), 1),
        (20, 0, 20, Load(20, 0, 0, 1, 64), 20),  # fixed
        (2, 5, 10, Load(5, 5, 0, 3, 64), 0),
    ],
)
def test_how_many_paths_start(needed: int, uncounted: int, unstarted: int, load: Load, started: int) -> None:
    assert paths_to_start(needed, uncounted, unstarted, load) == started


FEW_NOTATIONS = st.lists(st.sampled_from(NOTATIONS), min_size=1, max_size=3)


@given(
    early=FEW_NOTATIONS.flatmap(lambda few: st.lists(st.sampled_from(few), min_size=2, max_size=10)),
    late=FEW_NOTATIONS.flatmap(lambda few: st.lists(st.sampled_from(few), max_size=5)),
)
@settings(max_examples=500)
@pytest.mark.slow
def test_lossless_gives_the_answer_of_the_full_vote(early: list[str], late: list[str]) -> None:
    ballots = [Ballot(i, (COT, POT)[i % 2], written(text)) for i, text in enumerate(early + late)]
    full = count(ballots)
    kinds = [ballot.kind for ballot in ballots]
    for counted in range(len(ballots)):
        votes = count(ballots[:counted])
        if decided(Policy.LOSSLESS, votes, kinds[counted:]):
            assert votes[0].answer.text == full[0].answer.text
            return


@given(
    policy=st.sampled_from([Policy.LOSSLESS, Policy.ADAPTIVE]),
    early=FEW_NOTATIONS.flatmap(lambda few: st.lists(st.sampled_from(few), max_size=10)),
    late=FEW_NOTATIONS.flatmap(lambda few: st.lists(st.sampled_from(few), max_size=6)),
    kinds=st.lists(st.sampled_from([COT, POT]), min_size=20, max_size=20),
    left=st.integers(0, 4),
)
@settings(max_examples=500)
@pytest.mark.slow
def test_no_votes_decide_sooner(
    policy: Policy, early: list[str], late: list[str], kinds: list[PathKind], left: int
) -> None:
    rule = StoppingRule(policy)
    ballots = [Ballot(i, kinds[i], written(text)) for i, text in enumerate(early + late)]
    kinds = kinds[: len(ballots) + left]
    needed = min_paths_to_decide(rule, count(ballots[: len(early)]), kinds[len(early) :])
    for more in range(min(needed, len(late) + 1)):
        counted = len(early) + more
        assert not decided_by(rule, count(ballots[:counted]), kinds[counted:])


def test_one_vote_can_make_others_firm() -> None:
    decimals = [Ballot(i, COT, written("3.50")) for i in range(3)]
    assert min_paths_to_decide(StoppingRule(Policy.LOSSLESS), count(decimals), (POT,) * 4) == 1
    assert not decided(Policy.LOSSLESS, count(decimals), (POT,) * 4)
    assert decided(Policy.LOSSLESS, count([*decimals, Ballot(3, POT, written("3.5"))]), (POT,) * 3)


def test_another_answer_may_have_the_kind_that_the_leader_lacks() -> None:
    tallies = [tally(0, 9, 0), tally(1, 8, 1)]
    missing = (COT,) * 30 + (POT,)
    assert min_paths_to_decide(StoppingRule(Policy.ADAPTIVE), tallies, missing) == 9


def test_lossless_waits_for_votes_that_can_move() -> None:
    def so_far(*texts: str) -> tuple[Tally, ...]:
        return count(Ballot(i, COT, written(text)) for i, text in enumerate(texts))

    three = (POT,) * 3
    assert decided(Policy.LOSSLESS, so_far(*["7"] * 4), three)
    assert decided(Policy.LOSSLESS, so_far(*["10/3"] * 4), three)
    assert decided(Policy.LOSSLESS, so_far(*["3.33"] * 4), three)  # three of 10/3 would join it
    assert not decided(Policy.LOSSLESS, so_far(*["350¢"] * 4), three)  # $3.50 can still come
    assert decided(Policy.LOSSLESS, so_far(*["7"] * 5, "4"), three)
    assert not decided(Policy.LOSSLESS, so_far(*["7"] * 5, "3.33", "3.34"), three)  # 3.335 can still come
    assert decided(Policy.LOSSLESS, so_far(*["7"] * 6, "3.33", "3.34"), three)
    assert not decided(Policy.LOSSLESS, so_far(*["10/3"] * 4, "3.33"), three)
    assert decided(Policy.LOSSLESS, so_far(*["10/3"] * 5, "3.33"), three)
    assert not decided(Policy.LOSSLESS, so_far(*["28%"] * 4, "0.28"), three)
    assert decided(Policy.LOSSLESS, so_far(*["28%"] * 5, "0.28"), three)
