"""Base class and number types of the recipe's sections."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base class of all sections. Sections are frozen and refuse unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def unit(name: str, **limits: Any) -> Any:
    """Unit of a key, for the reference of the recipe.

    Args:
        name: name of the unit.
        limits: further arguments of `Field`.
    """
    return Field(json_schema_extra={"unit": name}, **limits)
