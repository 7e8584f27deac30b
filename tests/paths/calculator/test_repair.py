from service.paths.calculator.repair import check_equations
from service.paths.calculator.units import has_convertible_units


def test_one_round_replaces_a_number_in_both_its_roles() -> None:
    text = "7 + 1 = 8. 2 * 3 + 4 = 7 + 4 = 11"  # 7 is a false result, and the first operand of the next expression
    assert check_equations(text).apply(text) == "7 + 1 = 8. 2 * 3 + 4 = 6 + 4 = 10"


def test_units_convert_within_a_scale_only() -> None:
    assert has_convertible_units(["hours", "minute"])
    assert has_convertible_units(["cents"], money=True)
    assert not has_convertible_units(["hour", "hours", "hrs"])
    assert not has_convertible_units(["hours", "miles", "dollars"])
