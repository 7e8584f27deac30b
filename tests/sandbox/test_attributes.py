"""Attributes of compiled programs: each one that Python reads or writes has passed a guard for that very name."""

import ast
import contextlib
import dis
from collections.abc import Iterator
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.sandbox.facades import FACADES
from service.sandbox.guards import Guards
from service.sandbox.modules import LIBRARIES, Facade, MissingPackage
from service.sandbox.names import RefusedError, is_plain
from service.sandbox.policy import restrict
from service.sandbox.program_facades import PROGRAM_FACADES
from service.sandbox.runner import Runner
from service.sandbox.wire import decode
from tests.sandbox.programs import HONEST, MODERN

GUARDS = {"_write_", "_update_", "_plain_"}
READS = {"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_SUPER_METHOD"}
BETWEEN = {"CACHE", "PRECALL", "COPY", "NOP", "EXTENDED_ARG", "PUSH_NULL"}

NAMES = ["a", "_b", "__c", "format", "gi_frame", "mro", "obj", "__class__", "__name__", "__init__", "value"]


def unguarded(program: str) -> list[str]:
    """Attributes that a compiled program reads or writes without a guard of that name."""
    tree = ast.parse(program)
    restrict(tree, Guards(print).star_names)
    found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and not _is_guarded(node)]
    for code in _codes(compile(tree, "<program>", "exec", dont_inherit=True)):
        instructions = [i for i in dis.get_instructions(code) if i.opname not in BETWEEN]
        for before, call, read in zip(instructions, instructions[1:], instructions[2:], strict=False):
            if read.opname in READS and (call.opname[:4], before.argval) != ("CALL", read.argval):
                found.append(read.argval)
            if read.opname == "MATCH_CLASS":
                found += [name for name in call.argval if not is_plain(name)]
    return found


def _is_guarded(node: ast.Attribute) -> bool:
    match node.value:
        case ast.Call(func=ast.Name(id=guard), args=[_, ast.Constant(value=name)]):
            return guard in GUARDS and name == node.attr
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@pytest.mark.parametrize("programs", [MODERN, HONEST], ids=["modern", "honest"])
def test_typical_programs_read_attributes_through_guards(programs: dict[str, str]) -> None:
    found, refused = {}, set()
    for name, program in programs.items():
        try:
            found[name] = unguarded(program)
        except RefusedError:
            refused.add(name)
    assert {name: attributes for name, attributes in found.items() if attributes} == {}
    assert refused <= HONEST.keys()


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "'t'", "()", "super()"]),
    lambda inner: st.one_of(
        st.builds("({}).{}".format, inner, st.sampled_from(NAMES)),
        st.builds("f({}, *{})".format, inner, inner),
        st.builds("[{} for x in {} if {}]".format, inner, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("f'{{{}}}'".format, inner).filter(lambda text: text.count("'") == 2),
        st.builds("(x := {})".format, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("(lambda a={}: {})".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
    ),
    max_leaves=6,
)
TARGETS = st.one_of(
    st.builds("({}).{}".format, EXPRESSIONS, st.sampled_from(NAMES)),
    st.just("y"),
    st.builds("({})[0]".format, EXPRESSIONS),
)
PATTERNS = st.one_of(
    st.builds("A({}=q)".format, st.sampled_from(NAMES)),
    st.builds("x.{}()".format, st.sampled_from(NAMES)),
    st.builds("x.{}".format, st.sampled_from(NAMES)),
    st.builds("{{x.{}: [q, *_]}}".format, st.sampled_from(NAMES)),
    st.builds("A(1, B({}=x.{})) as q".format, st.sampled_from(NAMES), st.sampled_from(NAMES)),
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, TARGETS, EXPRESSIONS),
    st.builds("{} += {}".format, TARGETS, EXPRESSIONS),
    st.builds("{}: {} = {}".format, TARGETS, EXPRESSIONS, EXPRESSIONS),
    st.builds("del {}".format, TARGETS),
    st.builds("with {} as {}: pass".format, EXPRESSIONS, TARGETS),
    st.builds("for {} in {}: pass".format, TARGETS, EXPRESSIONS),
    st.builds("[{}, *q] = {}".format, TARGETS, EXPRESSIONS),
    st.builds("match {}:\n    case {}: {}".format, EXPRESSIONS, PATTERNS, EXPRESSIONS),
    st.builds("class A({}):\n    x: {} = {}\n    {} += {}".format, *[EXPRESSIONS] * 3, TARGETS, EXPRESSIONS),
    st.builds(
        "class A:\n    def f(self, y={}):\n        self.__x -= {}\n        return self.__class__".format,
        *[EXPRESSIONS] * 2,
    ),
    st.builds("@({})\ndef f(a={}):\n    return {}".format, *[EXPRESSIONS] * 3),
    st.builds("@f.register\ndef g(a: {}): return {}".format, *[EXPRESSIONS] * 2),
    st.builds("try: {}\nexcept {} as q: raise {} from {}".format, *[EXPRESSIONS] * 4),
    st.builds("assert {}, {}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("def g():\n    yield {}\n    x = yield from {}".format, EXPRESSIONS, EXPRESSIONS),
)


@settings(max_examples=300)
@given(st.lists(STATEMENTS, min_size=1, max_size=3).map("\n".join))
def test_every_attribute_passes_a_guard_that_checks_its_name(program: str) -> None:
    with contextlib.suppress(RefusedError, SyntaxError):
        assert unguarded(program) == []


def test_the_check_itself_finds_unguarded_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sandbox.test_attributes.restrict", lambda *_: None)
    assert unguarded("x.a += 1") == ["x.a", "a"]
    assert unguarded("match x:\n    case A(mro=q): pass") == ["mro"]


@pytest.mark.parametrize(
    "program",
    [
        "from collections import namedtuple\nA = namedtuple('A', 'real gi_frame imag')",
        "from typing import NamedTuple\nA = NamedTuple('A', [('real', int), ('gi_frame', int)])",
        "from typing import NamedTuple\nclass A(NamedTuple):\n    real: int\n    mro: int",
        "from typing import NamedTuple, Protocol\nclass P(NamedTuple):\n    real: int\n    obj: int\nclass A(P, Protocol): pass",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    real: int\n    format: int",
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    real: int\n    format: int",
        "from dataclasses import make_dataclass\nA = make_dataclass('A', ['real', 'tb_frame'])",
    ],
)
def test_positional_patterns_read_attributes_up_to_the_first_that_needs_a_guard(program: str) -> None:
    guards = Guards(print)
    tree = ast.parse(program)
    restrict(tree, guards.star_names)
    exec(compile(tree, "<program>", "exec", dont_inherit=True), guards.namespace)
    assert guards.namespace["A"].__match_args__ == ("real",)


def test_positional_patterns_of_offered_classes_read_no_attribute() -> None:
    facades = [Guards(print).import_module(name) for name in (*FACADES, *PROGRAM_FACADES)]
    members = [member for facade in facades if isinstance(facade, Facade) for member in facade._members.values()]
    kinds = [member for member in members if isinstance(member, type)]
    assert len(kinds) > 50
    assert [kind for kind in kinds if getattr(kind, "__match_args__", ())] == []


@pytest.mark.parametrize("kind", [Facade, MissingPackage, *{type(facade) for facade in LIBRARIES.values()}])
def test_replacements_of_modules_have_no_public_attribute(kind: type) -> None:
    assert [name for name in dir(kind) if not name.startswith("_")] == []


READ_BY_PYTHON = {
    "augmented assignment": "class S(str): pass\nS.format += 1",
    "augmented assignment of an exception": "class E(AttributeError): pass\ne = E()\ne.obj += 1",
    "augmented assignment in a method": "class S(str):\n    def f(self): self.format_map += 1\nS().f()",
    "class pattern": "match 'x':\n    case str(format=f): pass",
    "nested class pattern": "match ['x']:\n    case [object(format_map=f)]: pass",
    "class pattern of a private name": "match 'x':\n    case object(_x=f): pass",
    "value pattern": "class A: pass\nmatch 1:\n    case A.mro: pass",
    "value pattern of a text": "class S(str): pass\nmatch 1:\n    case S.format: pass",
    "mapping key": "class A: pass\nmatch {}:\n    case {A.__name__: x}: pass",
    "class of a pattern": "class A: pass\nmatch 1:\n    case A.mro(): pass",
    "positional pattern": "class E(Exception):\n    __match_args__ = ('with_traceback',)\nmatch E():\n    case E(f): pass",
    "deletion of a reserved name": "class A: pass\ndel A.__init__",
    "deletion of a class's name": "class A: pass\ndel A().__class__.__name__",
    "assignment to a class's name": "class A: pass\nA().__class__.__name__ = 'B'",
}


@pytest.mark.parametrize("name", READ_BY_PYTHON)
def test_attributes_that_python_reads_itself_are_refused(name: str) -> None:
    body = Runner(policy=True, output_bytes=1000).run(f"{READ_BY_PYTHON[name]}\nans = 1".encode())
    execution = decode(body, 0.0)
    assert (execution.outcome.value, execution.detail.endswith("reserved")) == ("denied", True), execution
