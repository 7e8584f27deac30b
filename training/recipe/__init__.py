"""Recipe: one TOML file with every setting of a run.

`load` validates it and names each invalid key. Paths are relative to the current directory. Each stage reads only its
own sections, so a changed line makes only the stages again that depend on it.
"""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from service.errors import ConfigurationError
from service.faults import fault_texts
from service.files import read_toml as read_tables
from service.types import PathKind
from training.recipe.base import Section
from training.recipe.data import SCRIPTED, SCRIPTED_TEACHER, SYNTHETIC, Dataset, Filter, Source, Teacher
from training.recipe.learning import BUNDLED_BASE, FAMILIES, RANDOM, Launch, SelfTraining, Student, Train, Watch
from training.recipe.results import Calibrate, Compare, Decoding, Export, Measure

__all__ = [
    "BUNDLED_BASE",
    "FAMILIES",
    "RANDOM",
    "SCRIPTED",
    "SCRIPTED_TEACHER",
    "SYNTHETIC",
    "Calibrate",
    "Compare",
    "Dataset",
    "Decoding",
    "Export",
    "Filter",
    "Launch",
    "Measure",
    "Recipe",
    "SelfTraining",
    "Source",
    "Student",
    "Teacher",
    "Train",
    "Watch",
    "load",
    "read_toml",
]

_MAX_SEED = 2**32 - 1  # numpy's
_Content = TypeVar("_Content", bound=BaseModel)


class Recipe(Section):
    """Content of a recipe file.

    Args:
        name: name of the run and of its checkpoint.
        seed: seed of every draw.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", examples=["my-student"])]
    seed: Annotated[int, Field(ge=0, le=_MAX_SEED)] = 7
    student: Student
    sources: tuple[Source, ...] = Field(min_length=1)
    teacher: Teacher | None = None
    filter: Filter = Filter()
    dataset: Dataset = Dataset()
    train: Train = Train()
    launch: Launch = Launch()
    watch: Watch = Watch()
    self_training: SelfTraining = SelfTraining()
    compare: Compare = Compare()
    calibrate: Calibrate = Calibrate()
    measure: Measure = Measure()
    export: Export = Export()

    @model_validator(mode="after")
    def _is_consistent(self) -> "Recipe":
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        if self.teacher is None and any(source.teacher for source in self.sources):
            raise ValueError("a source has teacher = true, but the recipe has no [teacher]")
        if self.measure.enabled and not (self.calibrate.enabled and any(source.test for source in self.sources)):
            raise ValueError("measure.enabled needs calibrate.enabled and a source with test problems")
        if not self.train.kinds or len(set(self.train.kinds)) < len(self.train.kinds):
            raise ValueError("train.kinds must name cot, pot or both, each once")
        if not any(map(self.train.weight, self.train.kinds)):
            raise ValueError(f"train.cot_weight = {self.train.cot_weight:g} gives all of train.kinds no weight")
        if self.compare.enabled and not (len(self.train.kinds) == 2 and all(map(self.train.weight, PathKind))):
            raise ValueError("compare.enabled needs both kinds in train.kinds and a train.cot_weight between 0 and 1")
        if self.train.start and self.train.adapter == "full":
            raise ValueError('train.start needs train.adapter = "lora"')
        if self.train.start and self.compare.enabled:
            raise ValueError("train.start and compare.enabled exclude each other: all compared students start equal")
        if self.self_training.start == "student" and self.train.adapter == "full":
            raise ValueError('self_training.start = "student" needs train.adapter = "lora"')
        if self.train.fsdp and self.watch.every:
            raise ValueError("train.fsdp and watch.every exclude each other: watch needs a whole model per process")
        return self


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigurationError: the file cannot be read or is invalid. The message lists every invalid key.
    """
    return read_toml(path, Recipe, "recipe")


def read_toml(path: Path, schema: type[_Content], what: str) -> _Content:
    """Read a TOML file. It may begin with a byte order mark.

    Args:
        path: the file.
        schema: schema of its content.
        what: name of its content.

    Raises:
        ConfigurationError: the file cannot be read or is invalid. The message lists every invalid key.
    """
    tables = read_tables(path, f"the {what} {path}")
    try:
        return schema.model_validate(tables)
    except ValidationError as error:
        faults = [f"  {text}" for text in fault_texts(error, schema, f"the {what}")]
        raise ConfigurationError("\n".join([f"{path} is not a valid {what}:", *faults])) from None
