"""Values of a later version, in pickles and copies."""

import copy
import pickle
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from service.schemas.later_values import LaterValues
from service.types import Verdict

VERDICT = TypeAdapter(Annotated[Verdict, LaterValues()])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_later_value_can_be_pickled(protocol: int) -> None:
    back = pickle.loads(pickle.dumps(VERDICT.validate_python("certain"), protocol))
    assert (type(back), back, back.value, back.name) == (Verdict, "certain", "certain", "CERTAIN")
    assert pickle.loads(pickle.dumps(Verdict.LIKELY, protocol)) is Verdict.LIKELY


def test_a_later_value_can_be_copied() -> None:
    later = VERDICT.validate_python("certain")
    assert copy.copy(later) == copy.deepcopy(later) == "certain"
    assert copy.deepcopy(Verdict.LIKELY) is Verdict.LIKELY
