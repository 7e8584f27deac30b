"""Validation errors of Pydantic in plain words.

The JSON schema of the model gives the words for valid values.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

_MAX_NAME = 100
_CUTOFF = 0.82
"""Least similarity of a near miss. `top_k` and `top_p`, which differ in meaning, have 0.8."""
_SYNONYMS = {
    "problem": ("input", "prompt", "query", "question", "text"),
    "paths": ("k", "n", "num_paths", "samples"),
    "max_tokens": ("max_completion_tokens", "max_new_tokens", "max_output_tokens"),
    "deadline_s": ("deadline", "time_limit", "timeout", "timeout_s"),
    "cot": ("chain_of_thought", "explanations"),
    "pot": ("program_of_thought", "programs"),
    "response": ("attempt", "given", "student_answer", "submission"),
    "expected": ("correct_answer", "gold", "reference", "solution"),
    "cot_weight": ("lam", "lambda"),
}
_REASONS = {
    "missing": "is missing",
    "json_invalid": "is not valid JSON: {error}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_unicode": "must be valid Unicode, without lone surrogates",
    "value_error": "{error}",
    "invalid-json-value": "must be a value that JSON has",
    "predicate": "{msg}",
}
"""Reason by the type of an error, with the values of its context. Every other type: the schema in words."""
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""Types of the errors for a name that a model or a dataclass does not have."""
_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_SIZES = {"array": "Items", "object": "Properties"}
_UNITS = {"array": "items", "object": "fields"}
_Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One invalid field.

    Args:
        kind: type of Pydantic's error.
        path: names and indexes that lead to the field. Empty for the whole input.
        reason: predicate of the field ("must be a number from 0 to 2").
        meant: path of the field that a near miss probably means.
    """

    kind: str
    path: tuple[str | int, ...]
    reason: str
    meant: tuple[str | int, ...] | None = None

    @property
    def field(self) -> str:
        """Dotted name of the field, at most 100 characters."""
        return _dotted(self.path)

    def text(self, whole: str = "The body") -> str:
        """Sentence without its full stop. `whole` is the subject for an empty path."""
        if self.kind == "value_error":  # a sentence of its own, from a validator of the model
            return f"`{self.field}`: {self.reason}" if self.path else self.reason
        words = f"`{self.field}` {self.reason}" if self.path else f"{whole} {self.reason}"
        return f"{words}; did you mean `{_dotted(self.meant)}`?" if self.meant else words

    def sentence(self) -> str:
        """Sentence about a request."""
        text = self.text()
        return text if text.endswith("?") else f"{text}."


def faults(entries: Iterable[Mapping[str, Any]], model: type[BaseModel]) -> list[Fault]:
    """Faults of an input. A missing field that a near miss replaces is not a fault of its own.

    Args:
        entries: elements of `ValidationError.errors()`.
        model: model that the input does not fit.
    """
    found = [fault(entry, model) for entry in entries]
    replaced = {one.meant for one in found}
    return [one for one in dict.fromkeys(found) if not (one.kind == "missing" and one.path in replaced)]


def fault_texts(error: ValidationError, model: type[BaseModel], whole: str) -> list[str]:
    """Sentences without full stops about the faults of an input, such as a file. `whole` is its name."""
    return [one.text(whole) for one in faults(error.errors(), model)]


def fault(entry: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    """Fault of one element of `ValidationError.errors()`."""
    kind, location = entry["type"], entry["loc"]
    if kind in _UNKNOWN:
        path, schemas = _place(model, location[:-1])
        name = str(location[-1])
        near = near_miss(name, [known for schema in schemas for known in schema.get("properties", ())])
        return Fault(kind, (*path, name), "is an unknown field", (*path, near) if near else None)
    path, schemas = _place(model, location)
    if kind in _REASONS:
        return Fault(kind, path, _REASONS[kind].format_map({"msg": entry["msg"], **entry.get("ctx", {})}))
    return Fault(kind, path, f"must be {_words(schemas)}")


def near_miss(name: str, names: Sequence[str]) -> str | None:
    """Known name that an unknown one probably means: a synonym, one of the same letters, or the most similar name."""
    plain = name[:_MAX_NAME].lower().replace("-", "_").strip("_ ")
    for known, synonyms in _SYNONYMS.items():
        if known in names and plain in synonyms:
            return known
    for known in names:
        if sorted(known) == sorted(plain):
            return known
    return next(iter(get_close_matches(plain, names, n=1, cutoff=_CUTOFF)), None)


@cache
def json_schema(model: type[BaseModel]) -> _Schema:
    """JSON schema of a model. The first call takes up to 50 ms."""
    return model.model_json_schema()


def _place(model: type[BaseModel], location: Sequence[str | int]) -> tuple[tuple[str | int, ...], list[_Schema]]:
    """Path and possible schemas of a location. The path leaves out the names of types that Pydantic adds for unions."""
    root = json_schema(model)
    path: list[str | int] = []
    schemas = _options(root, root)
    for part in location:
        inner = [found for schema in schemas if (found := _inner(schema, part)) is not None]
        if inner:
            path.append(part)
            schemas = [option for schema in inner for option in _options(schema, root)]
    return tuple(path), schemas


def _inner(schema: _Schema, part: str | int) -> _Schema | None:
    """Schema of a field or of an item. None without one."""
    if isinstance(part, int):
        items: Sequence[_Schema] = schema.get("prefixItems", ())
        found = items[part] if 0 <= part < len(items) else schema.get("items")
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def _options(schema: _Schema, root: _Schema) -> list[_Schema]:
    """Alternatives of a schema, without references."""
    if "$ref" in schema:
        return _options(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    unions = schema.get("anyOf") or schema.get("oneOf")
    return [option for one in unions for option in _options(one, root)] if unions else [schema]


def _words(schemas: Sequence[_Schema]) -> str:
    """Valid values in words. Null is left out where another value is valid."""
    options = [schema for schema in schemas if schema.get("type") != "null"] or schemas
    return ", or ".join(dict.fromkeys(_option_words(schema) for schema in options)) or "another value"


def _option_words(schema: _Schema) -> str:
    if "const" in schema or "enum" in schema:
        *first, last = [_value_words(value) for value in schema.get("enum", [schema.get("const")])]
        return f"{', '.join(first)} or {last}" if first else last
    kind = schema.get("type", "")
    noun = _NOUNS.get(kind, "another value")
    if kind in ("integer", "number"):
        return _range_words(noun, schema)
    least, most = (schema.get(f"{side}{_SIZES.get(kind, 'Length')}") for side in ("min", "max"))
    if most == 0 or (schema.get("additionalProperties") == {"type": "null"} and "properties" not in schema):
        return f"an empty {noun.rpartition(' ')[2]}"
    words = noun + (" that is not empty" if least and not most else "")
    if most:
        limit = f"{most}" if least == most else f"{least} to {most}" if least else f"at most {most}"
        words += f" of {limit} {_UNITS.get(kind, 'characters')}"
    constants = {name: one["const"] for name, one in schema.get("properties", {}).items() if "const" in one}
    if kind == "object" and constants:
        return json.dumps(constants)
    example = next(iter(schema.get("examples", ())), None)
    return f"{words} such as {json.dumps(example)}" if kind == "object" and example else words


def _range_words(noun: str, schema: _Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if schema["type"] == "integer" and below is not None:
        most, below = below - 1, None
    if least is not None and most is not None:
        return _number(least) if least == most else f"{noun} from {_number(least)} to {_number(most)}"
    limits = (("of at least", least), ("above", above), ("up to", most), ("below", below))
    words = " and ".join(f"{word} {_number(limit)}" for word, limit in limits if limit is not None)
    return f"{noun} {words}" if words else noun


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _value_words(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else json.dumps(value)


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(str(part) for part in path)[:_MAX_NAME]
