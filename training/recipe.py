"""A recipe: one TOML file that says everything about a run, from data to export.

`load` validates it; an unknown key, a wrong type or a number out of range is refused with its dotted name. Paths are
relative to the directory in which the command runs. Each stage reads only its own sections (`manifest.py` holds it to
that), so that a changed line re-runs what it touches and nothing else.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import ConfigurationError
from service.types import PathKind

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Student(Section):
    """The base model: a directory or a Hugging Face name. `name` is what the checkpoint says it was made from.

    `vocabulary` > 0 trims tokenizer and head to about that many tokens before training.
    """

    model: str
    name: str = ""
    vocabulary: Count = 0


class Source(Section):
    """A set of problems and what is known about them.

    `problems` is a JSON Lines file, `hf:NAME` (see `importers.py`) or `stories:COUNT` (see `stories.py`). `mechanical`
    makes programs from what the set carries: `annotation` (GSM8K's solutions), `equation` (SVAMP) or `reasoning` (the
    CoT of `rationales`). It has `limit` of the problems (0: all) behind the first `skip`. `dev` and `test` of them are
    held out; `repeat` is how often an epoch visits each question, and `weight` what its tokens count within their
    task's mean.
    """

    name: str
    problems: str
    rationales: tuple[str, ...] = ()
    mechanical: Literal["none", "annotation", "equation", "reasoning"] = "none"
    teacher: bool = False
    dev: Count = 0
    test: Count = 0
    repeat: Positive = 1
    weight: Annotated[float, Field(gt=0)] = 1.0
    skip: Count = 0
    limit: Count = 0

    @property
    def drawn(self) -> int | None:
        """How many stories are drawn for this source, None where it names a file or a public set."""
        kind, _, count = self.problems.partition(":")
        if kind != "stories":
            return None
        if not count.isdecimal():
            raise ConfigurationError(f"`problems = {self.problems!r}` needs a number, as in stories:4000")
        return int(count)


class Teacher(Section):
    """How rationales are sampled from an endpoint. Prices are in dollars per million tokens.

    `style` says what is asked: `chat` and `format` are OpenAI's chat completions (with instructions) and completions
    (of the prompt format, for a distilled student); `solve` is Twinpath's own service, one path a request.
    """

    base_url: str
    model: str
    api_key_file: str = ""
    cot: Count = 4
    pot: Count = 4
    temperature: Annotated[float, Field(ge=0)] = 0.7
    max_tokens: Positive = 320
    concurrency: Positive = 8
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    attempts: Positive = 6
    price_prompt: Annotated[float, Field(ge=0)] = 0.0
    price_completion: Annotated[float, Field(ge=0)] = 0.0
    cap_dollars: Annotated[float, Field(ge=0)] = 0.0
    style: Literal["chat", "format", "solve"] = "chat"


class Filter(Section):
    """What a rationale must pass. `similarity` is the word-pair overlap from which two texts are near-duplicates."""

    equations: bool = True
    similarity: Share = 0.9
    per_question: Positive = 8
    workers: Positive = 2


class Dataset(Section):
    """How verified rationales become training examples."""

    balance: bool = True
    augment: Count = 0
    leaks: tuple[str, ...] = ()
    max_chars: Positive = 1600


class Train(Section):
    """How the student learns. `lam` is λ in L = λ·L_CoT + (1 − λ)·L_PoT.

    `per_kind` rationales of each kind share a question's pack; `kinds` of one kind alone gets twice as many, the same
    budget. `batch_tokens` is a micro-batch's size with padding; `accumulation` micro-batches make a step. `start` is
    the directory of an earlier run's adapter (of the same `rank` and `alpha`) to go on from, instead of a new one.
    `precision` is that of the products; a CPU without bfloat16 instructions computes them in float32.
    """

    lam: Share = 0.5
    kinds: tuple[PathKind, ...] = (PathKind.COT, PathKind.POT)
    epochs: Positive = 3
    per_kind: Positive = 2
    adapter: Literal["lora", "full"] = "lora"
    start: str = ""
    rank: Positive = 64
    alpha: Positive = 128
    lr: Annotated[float, Field(gt=0)] = 3e-4
    warmup: Share = 0.03
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    batch_tokens: Positive = 2048
    accumulation: Positive = 2
    max_steps: Count = 0
    max_length: Positive = 512
    save_steps: Positive = 50
    precision: Literal["bf16", "fp32"] = "bf16"
    train_embedding: bool = False
    gradient_checkpointing: bool = False
    fsdp: bool = False


class Launch(Section):
    """In how many processes of this machine the student learns. A step has `train.accumulation` micro-batches in each;
    with `train.fsdp` they share the model too.
    """

    processes: Positive = 1


class Watch(Section):
    """How the student is looked at while it learns: every `every` steps (0: never) it solves `problems` dev problems.

    This changes nothing about the student, so a run that is watched is the same run.
    """

    every: Count = 0
    problems: Positive = 20
    paths: Positive = 3
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Positive = 200


class SecondRound(Section):
    """The student's own verified paths as further rationales.

    It sees them as `start` says: a student trained from the `base` anew, or the first `student` (its adapter) gone on
    with. `steps` is how many optimizer steps that takes, 0 as many as the first training at most.
    """

    enabled: bool = False
    start: Literal["base", "student"] = "base"
    steps: Count = 0
    engine: Literal["vllm", "transformers"] = "transformers"
    paths: Positive = 4
    temperature: Annotated[float, Field(gt=0)] = 0.8
    problems: Count = 0
    max_tokens: Positive = 200


class Decoding(Section):
    """How students are sampled where they are measured."""

    engine: Literal["vllm", "transformers"] = "transformers"
    paths: Positive = 10
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Positive = 200
    problems: Count = 0


class Compare(Decoding):
    """Which students are compared beside the MD one: trained on one kind alone, for `steps` optimizer steps each.

    0 is as many as the MD student. Half of its `max_steps` is the budget at which each sees as much of its kind as the
    MD student did, and both together, the ensemble, have cost what the MD student has.
    """

    enabled: bool = False
    steps: Count = 0
    split: Literal["dev", "test"] = "test"


class Calibrate(Decoding):
    """Where the decoding, the vote weights and the confidence map come from. All of `temperatures` are tried, or
    `temperature` alone.
    """

    enabled: bool = True
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = ()
    bins: Positive = 10


class Measure(Section):
    """Whether the student is measured on the test problems, as it was calibrated and with as many paths."""

    enabled: bool = True


class Export(Section):
    """What is written for the service. `int8` adds a compressed-tensors variant."""

    licence: str = "see the base model's terms"
    teachers: dict[str, str] = Field(default_factory=dict)
    int8: bool = False


class Recipe(Section):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    seed: int = 7
    student: Student
    sources: tuple[Source, ...] = Field(min_length=1)
    teacher: Teacher | None = None
    filter: Filter = Filter()
    dataset: Dataset = Dataset()
    train: Train = Train()
    launch: Launch = Launch()
    watch: Watch = Watch()
    second_round: SecondRound = SecondRound()
    compare: Compare = Compare()
    calibrate: Calibrate = Calibrate()
    measure: Measure = Measure()
    export: Export = Export()

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        if self.teacher is None and any(source.teacher for source in self.sources):
            raise ValueError("a source asks for teacher = true, but there is no [teacher]")
        if self.measure.enabled and not (self.calibrate.enabled and any(source.test for source in self.sources)):
            raise ValueError("measure.enabled needs calibrate.enabled and a source with test problems")
        if not self.train.kinds or len(set(self.train.kinds)) < len(self.train.kinds):
            raise ValueError("train.kinds must name cot, pot or both, each once")
        if self.train.start and self.train.adapter == "full":
            raise ValueError('train.start is an adapter to go on from, which train.adapter = "full" does not have')
        if self.train.start and self.compare.enabled:
            raise ValueError("compare.enabled trains its students from the base, and train.start would put one ahead")
        if self.second_round.start == "student" and self.train.adapter == "full":
            raise ValueError('second_round.start = "student" goes on from an adapter: train.adapter must be "lora"')
        if self.train.fsdp and self.watch.every:
            raise ValueError("watch.every needs a whole model in every process, which train.fsdp does not leave")
        return self


def load(path: Path) -> Recipe:
    """The recipe in `path`; raises `ConfigurationError` with every fault, one a line."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"cannot read the recipe {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        faults = [f"  {'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}" for fault in error.errors()]
        raise ConfigurationError("\n".join([f"{path} cannot be used:", *faults])) from error
