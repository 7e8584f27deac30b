"""Base of the wire models of OpenAI requests."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.config import JsonDict

from service.schemas.request import with_few_unknown

NULLS: JsonDict = {"additionalProperties": {"type": "null"}}
"""JSON schema of an object whose other fields must be null."""


class OpenAiPart(BaseModel):
    """Object of a request. Unknown fields are errors unless they are null."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, json_schema_extra=NULLS)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, fields: Any) -> Any:
        """Fields that are not null. Null means that the client left the parameter out."""
        if not isinstance(fields, dict):
            return fields
        return with_few_unknown({k: v for k, v in fields.items() if v is not None}, cls)
