"""Sections on data: sources, teacher, filter and data set."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.recipe.base import Count, Positive, Section, Share, unit

SYNTHETIC, SCRIPTED = "synthetic:", "scripted:"
SCRIPTED_TEACHER = "scripted"
"""`base_url` of the scripted teacher."""
_MAX_COUNT_DIGITS = 8


class Source(Section):
    """Set of problems and its rationales.

    Args:
        name: name of the source, unique in the recipe.
        problems: JSON Lines file, `hf:NAME` (a public set, see `twinpath train data`), `synthetic:COUNT`, or
            `scripted:COUNT` for the word problems of the scripted teacher.
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

    name: Annotated[str, Field(examples=["own"])]
    problems: Annotated[str, Field(examples=["examples/own_data.jsonl"])]
    templates: str = ""
    rationales: tuple[str, ...] = ()
    derived_programs: Literal["none", "annotation", "equation", "reasoning"] = "none"
    teacher: Annotated[bool, Field(examples=[True])] = False
    dev: Annotated[Count, unit("problems", examples=[4])] = 0
    test: Annotated[Count, unit("problems", examples=[4])] = 0
    repeat: Annotated[Positive, unit("visits")] = 1
    weight: Annotated[float, Field(gt=0)] = 1.0
    skip: Annotated[Count, unit("problems")] = 0
    limit: Annotated[Count, unit("problems")] = 0

    @model_validator(mode="after")
    def _made_problems_are_complete(self) -> "Source":
        for prefix in (SYNTHETIC, SCRIPTED):
            count = self.problems.removeprefix(prefix)
            if count != self.problems and (not count.isdecimal() or len(count) > _MAX_COUNT_DIGITS):
                raise ValueError(f"problems = {self.problems!r} must hold a number, as in {prefix}4000")
        if self.problems.startswith(SYNTHETIC) and not self.templates:
            raise ValueError(f"problems = {self.problems!r} needs templates, such as data/stories.toml")
        return self

    @property
    def synthetic_count(self) -> int | None:
        """Number of synthetic problems. None for other problems."""
        count = self.problems.removeprefix(SYNTHETIC)
        return int(count) if count != self.problems else None

    @property
    def scripted_count(self) -> int | None:
        """Number of scripted problems. None for other problems."""
        count = self.problems.removeprefix(SCRIPTED)
        return int(count) if count != self.problems else None


class Teacher(Section):
    """Sampling of rationales from an endpoint.

    Args:
        base_url: URL of the endpoint, with `/v1` for OpenAI's API. `scripted` starts a scripted teacher.
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

    base_url: Annotated[str, Field(examples=["https://api.openai.com/v1"])]
    model: Annotated[str, Field(examples=["gpt-4o-mini"])]
    api_key_file: Annotated[str, Field(examples=["openai.key"])] = ""
    cot: Annotated[Count, unit("samples per problem")] = 4
    pot: Annotated[Count, unit("samples per problem")] = 4
    temperature: Annotated[float, Field(ge=0)] = 0.7
    max_tokens: Annotated[Positive, unit("tokens")] = 320
    concurrency: Annotated[Positive, unit("requests")] = 8
    timeout_s: Annotated[float, unit("seconds", gt=0)] = 60.0
    attempts: Annotated[Positive, unit("attempts")] = 6
    price_prompt: Annotated[float, unit("dollars per million tokens", ge=0, examples=[0.15])] = 0.0
    price_completion: Annotated[float, unit("dollars per million tokens", ge=0, examples=[0.6])] = 0.0
    cap_dollars: Annotated[float, unit("dollars", ge=0, examples=[1.0])] = 0.0
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
    per_question: Annotated[Positive, unit("rationales")] = 8
    workers: Annotated[Positive, unit("processes")] = 2


class Dataset(Section):
    """Training examples from verified rationales.

    Args:
        balance: whether a question needs rationales of both kinds.
        augment: maximum number of copies with other numbers per question.
        evaluation_files: further problem files that the contamination check compares with the training questions.
        max_chars: maximum length of a rationale, in characters.
    """

    balance: bool = True
    augment: Annotated[Count, unit("copies")] = 0
    evaluation_files: tuple[str, ...] = ()
    max_chars: Annotated[Positive, unit("characters")] = 1600
