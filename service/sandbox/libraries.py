"""Set-up of numpy and sympy in the zygote of the libraries lane.

Only that zygote imports this module and its parts `library_*.py`, before it locks itself. Both libraries must then run
in one thread, because a fork copies only the calling thread.
"""

import random
import warnings

import numpy as np
import sympy
import sympy.parsing.sympy_parser as sympy_parser
from sympy.core.random import seed as seed_sympy

from service.sandbox import names, program_builtins
from service.sandbox.expressions import parse_arithmetic
from service.sandbox.facades import SEED
from service.sandbox.library_code import guard_generated_code
from service.sandbox.library_facades import RANDOM_STATE, library_facades
from service.sandbox.library_values import MATRIX, NUMPY_SCALARS, SYMPY_INTEGERS, SYMPY_RATIONALS
from service.sandbox.modules import LIBRARIES

_HIDDEN_ATTRIBUTES = (
    "base bit_generator byteswap ctypes data dump dumps getfield newbyteorder resize setfield setflags tofile view"
)
"""Attributes of arrays and generators that write files, or that reach memory and modules."""


def set_up(*, policy: bool) -> None:
    """Prepare the texts of the libraries. With the policy, make both importable and evaluate no text."""
    warnings.simplefilter("ignore")  # sympy sets a filter of its own while it is imported
    np.set_printoptions(legacy="1.25")  # a scalar in a list prints as 3, and not as np.int64(3)
    if not policy:
        return
    sympy_parser.parse_expr = parse_arithmetic  # sympy passes every text there, and the original calls `eval`
    guard_generated_code()
    LIBRARIES.update(library_facades())
    program_builtins.CONTAINERS.update({np.ndarray, MATRIX})
    program_builtins.NAMEABLE.update({sympy.Float, *NUMPY_SCALARS, *SYMPY_INTEGERS, *SYMPY_RATIONALS})
    names.HIDDEN_OF_TYPES.update(
        dict.fromkeys(_HIDDEN_ATTRIBUTES.split(), (np.ndarray, np.generic, np.random.Generator))
    )


def seed() -> None:
    """Seed all random numbers, so that the same program has the same answer."""
    random.seed(SEED)
    seed_sympy(SEED)
    np.random.seed(SEED)
    RANDOM_STATE.seed(SEED)
