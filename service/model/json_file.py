"""Reader of a model's JSON files. It checks them against a schema."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import CheckpointError
from service.faults import fault_texts
from service.json_lines import BOM

_Content = TypeVar("_Content", bound=BaseModel)


def read_json_file(path: Path, schema: type[_Content]) -> _Content | None:
    """Read a JSON file. Returns None if it does not exist.

    Args:
        path: the file. It may begin with a byte order mark.
        schema: schema of its content.

    Raises:
        CheckpointError: the file cannot be read, is not JSON, or does not fit the schema.
    """
    try:
        return schema.model_validate_json(path.read_bytes().removeprefix(BOM))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        wrong = "; ".join(dict.fromkeys(fault_texts(error, schema, "the file")))
        raise CheckpointError(f"{path} is invalid: {wrong}") from None
