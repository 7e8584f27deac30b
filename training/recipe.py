"""Recipe: one TOML file with every setting of a run.

`load` validates it and names each invalid key. Paths are relative to the current directory. Each stage reads only its
own sections, so a changed line makes only the stages again that depend on it.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import ConfigurationError
from service.faults import fault_texts
from service.files import read_toml as read_tables
from service.types import PathKind

SYNTHETIC = "synthetic:"

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
_MAX_COUNT_DIGITS = 8
_MAX_SEED = 2**32 - 1  # numpy's
_Content = TypeVar("_Content", bound=BaseModel)


class Section(BaseModel):
    """Base class of all sections. Sections are frozen and refuse unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Student(Section):
    """Base model of the student.

    Args:
        model: directory or Hugging Face name.
        name: name of the base model in the checkpoint's metadata. Empty takes the last part of `model`.
        vocabulary: approximate number of tokens to which tokenizer and head are trimmed before training. 0 keeps all.
    """

    model: str
    name: str = ""
    vocabulary: Count = 0


class Source(Section):
    """Set of problems and its rationales.

    Args:
        name: name of the source, unique in the recipe.
        problems: JSON Lines file, `hf:NAME` (a public set of `data/loaders.py`) or `synthetic:COUNT`.
        templates: file of story templates for `synthetic:COUNT`.
        rationales: JSON Lines files of rationales.
        derived_programs: programs made without a teacher from `annotation` (GSM8K's solutions), `equation` (SVAMP) or
            `reasoning` (the CoT of `rationales`).
        teacher: whether the teacher is sampled on these problems.
        dev: number of problems held out for choices.
        test: number of problems held out for the final figures.
        repeat: visits of each question per epoch.
        weight: factor on the source's tokens within their task's mean.
        skip: number of problems left out at the beginning.
        limit: maximum number of problems. 0 takes all.
    """

    name: str
    problems: str
    templates: str = ""
    rationales: tuple[str, ...] = ()
    derived_programs: Literal["none", "annotation", "equation", "reasoning"] = "none"
    teacher: bool = False
    dev: Count = 0
    test: Count = 0
    repeat: Positive = 1
    weight: Annotated[float, Field(gt=0)] = 1.0
    skip: Count = 0
    limit: Count = 0

    @model_validator(mode="after")
    def _synthetic_is_complete(self) -> "Source":
        if self.problems.startswith(SYNTHETIC):
            count = self.problems.removeprefix(SYNTHETIC)
            if not count.isdecimal() or len(count) > _MAX_COUNT_DIGITS:
                raise ValueError(f"problems = {self.problems!r} must hold a number, as in synthetic:4000")
            if not self.templates:
                raise ValueError(f"problems = {self.problems!r} needs templates, such as data/stories.toml")
        return self

    @property
    def synthetic_count(self) -> int | None:
        """Number of synthetic problems. None for a file or a public set."""
        count = self.problems.removeprefix(SYNTHETIC)
        return int(count) if count != self.problems else None


class Teacher(Section):
    """Sampling of rationales from an endpoint.

    Args:
        base_url: URL of the endpoint, with `/v1` for OpenAI's API.
        model: name of the model at the endpoint.
        api_key_file: file that holds the API key. Empty sends none.
        cot: CoT samples per problem.
        pot: PoT samples per problem.
        temperature: sampling temperature.
        max_tokens: maximum number of completion tokens per sample.
        concurrency: maximum number of open requests.
        timeout_s: time limit of one request, in seconds.
        attempts: maximum number of attempts per sample.
        price_prompt: dollars per million prompt tokens.
        price_completion: dollars per million completion tokens.
        cap_dollars: maximum cost in dollars. 0 sets no limit.
        style: API of the endpoint. `chat` is OpenAI's chat completions with instructions, `format` is OpenAI's
            completions on the prompt format, for a distilled student, and `solve` is Twinpath's own service.
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
    """Tests that a rationale must pass.

    Args:
        equations: whether every equation of a CoT must hold.
        similarity: overlap of word pairs (Jaccard index) at which two texts are near-duplicates.
        per_question: maximum number of rationales per question and kind.
        workers: sandbox processes.
    """

    equations: bool = True
    similarity: Share = 0.9
    per_question: Positive = 8
    workers: Positive = 2


class Dataset(Section):
    """Training examples from verified rationales.

    Args:
        balance: whether a question needs rationales of both kinds.
        augment: maximum number of copies with other numbers per question.
        evaluation_files: further problem files that the contamination check compares with the training questions.
        max_chars: maximum length of a rationale, in characters.
    """

    balance: bool = True
    augment: Count = 0
    evaluation_files: tuple[str, ...] = ()
    max_chars: Positive = 1600


class Train(Section):
    """Training of the student.

    Args:
        cot_weight: λ in L = λ·L_CoT + (1 − λ)·L_PoT.
        kinds: kinds of rationale that the student learns. One kind takes twice `per_kind`, so the budget is the same.
        epochs: passes over the data set.
        per_kind: rationales of each kind that share a question's pack.
        adapter: `lora` trains an adapter, `full` all weights.
        start: directory of an earlier run's adapter (same `rank` and `alpha`) to continue from.
        rank: rank of the adapter.
        alpha: scale of the adapter. Its change to a weight is multiplied by alpha / rank.
        lr: peak learning rate.
        warmup: share of the steps with a rising learning rate.
        weight_decay: weight decay of AdamW.
        batch_tokens: size of a micro-batch in tokens, padding included.
        accumulation: micro-batches per step and process.
        max_steps: maximum number of optimizer steps. 0 sets no limit.
        max_length: maximum length of a pack, in tokens.
        save_steps: optimizer steps between checkpoints.
        precision: precision of matrix products. A CPU without bfloat16 instructions computes them in float32.
        train_embedding: whether `full` trains embedding and head too.
        gradient_checkpointing: whether activations are computed again in the backward pass, to save memory.
        fsdp: whether the processes share the model (FSDP). Needs GPUs.
    """

    cot_weight: Share = 0.5
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
    """Processes of a training run on this machine.

    Args:
        processes: number of processes. Each one computes `train.accumulation` micro-batches per step.
    """

    processes: Positive = 1


class Watch(Section):
    """Evaluation on dev problems during training. It does not change the student.

    Args:
        every: optimizer steps between evaluations. 0 turns them off.
        problems: number of dev problems.
        paths: sampled paths of each kind.
        temperature: sampling temperature.
        max_tokens: maximum number of completion tokens per path.
    """

    every: Count = 0
    problems: Positive = 20
    paths: Positive = 3
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Positive = 200


class SelfTraining(Section):
    """Second training, with the student's own verified paths as further rationales.

    Args:
        enabled: whether the stage runs.
        start: `base` trains the base model again, `student` continues from the first student's adapter.
        steps: maximum number of optimizer steps. 0 takes `train.max_steps`.
        engine: engine that samples the student.
        paths: sampled paths of each kind per problem.
        temperature: sampling temperature.
        problems: maximum number of training problems. 0 takes all.
        max_tokens: maximum number of completion tokens per path.
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
    """Sampling of a student for a measurement.

    Args:
        engine: engine that samples the student.
        paths: sampled paths of each kind per problem.
        temperature: sampling temperature.
        max_tokens: maximum number of completion tokens per path.
        problems: maximum number of problems. 0 takes all.
    """

    engine: Literal["vllm", "transformers"] = "transformers"
    paths: Positive = 10
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Positive = 200
    problems: Count = 0


class Compare(Decoding):
    """Comparison with two students that each learned one kind.

    Args:
        enabled: whether the stage runs.
        steps: optimizer steps of each single-kind student. 0 takes `train.max_steps`. With half of `max_steps` the two
            together cost as much as the student of both kinds, and each sees as much of its kind.
        split: held-out problems of the comparison.
    """

    enabled: bool = False
    steps: Count = 0
    split: Literal["dev", "test"] = "test"


class Calibrate(Decoding):
    """Calibration on the dev problems.

    Args:
        enabled: whether the stage runs.
        temperatures: temperatures to try. Empty tries only `temperature`.
        bins: bins of the calibration error.
    """

    enabled: bool = True
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = ()
    bins: Positive = 10


class Measure(Section):
    """Final figures on the test problems, with the decoding of `calibrate`.

    Args:
        enabled: whether the stage runs.
    """

    enabled: bool = True


class Export(Section):
    """Checkpoint for the service.

    Args:
        licence: licence of the checkpoint, for the model card.
        teachers: terms of each teacher, by the beginning of its name, for the model card.
        int8: whether an int8 variant is written too.
    """

    licence: str = "see the base model's terms"
    teachers: dict[str, str] = Field(default_factory=dict)
    int8: bool = False


class Recipe(Section):
    """Content of a recipe file.

    Args:
        name: name of the run and of its checkpoint.
        seed: seed of every draw.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
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
