"""Steps of `make test`, by their markers."""

import re
from itertools import product

import pytest

from tests.support.documents import ROOT

_MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n\t\t", "")
STEPS = re.findall(r'pytest .*-m "(.*)" ?(.*)', _MAKEFILE)


def test_each_test_outside_of_training_is_in_one_step(pytestconfig: pytest.Config) -> None:
    registered = [line.partition(":")[0] for line in pytestconfig.getini("markers")]
    markers = registered[registered.index("engine") : registered.index("containers") + 1]
    steps = [expression for expression, paths in STEPS if not paths.startswith("tests/training")]
    assert (len(STEPS), len(steps)) == (5, 4)
    for chosen in product([False, True], repeat=len(markers)):
        of_a_test = dict(zip(markers, chosen, strict=True))
        selected = [step for step in steps if eval(step, {}, dict(of_a_test))]
        assert len(selected) == (0 if of_a_test["soak"] else 1), of_a_test
