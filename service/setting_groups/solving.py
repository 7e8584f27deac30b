"""Settings of the paths and of the sandbox."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from service.limits import MAX_DEADLINE_S, MAX_PATHS, MAX_REPETITION_PENALTY, MAX_TEMPERATURE, MAX_TOKENS, MAX_TOP_K
from service.setting_groups.values import SettingsGroup
from service.types import Policy, Thinking


class SamplingSettings(SettingsGroup):
    """Paths, policy and limits of a problem."""

    title: ClassVar[str] = "Sampling"

    cot_paths: Annotated[
        int, Field(ge=0, le=MAX_PATHS, description="Chain-of-thought paths, unless the request sets a number.")
    ] = 10
    pot_paths: Annotated[
        int, Field(ge=0, le=MAX_PATHS, description="Program-of-thought paths, unless the request sets a number.")
    ] = 10
    policy: Annotated[Policy, Field(description="Stopping policy, unless the request sets one.")] = Policy.ADAPTIVE
    temperature: Annotated[
        float | None,
        Field(ge=0, le=MAX_TEMPERATURE, description="Sampling temperature. Default: the one of the checkpoint."),
    ] = None
    top_p: Annotated[
        float | None,
        Field(gt=0, le=1, description="Probability mass of nucleus sampling. Default: the one of the checkpoint."),
    ] = None
    top_k: Annotated[
        int | None,
        Field(
            ge=-1,
            le=MAX_TOP_K,
            description="Number of the most likely tokens that can be sampled. 0 means all. Default: the one of the "
            "checkpoint.",
        ),
    ] = None
    min_p: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Minimum probability of a token, as a share of the most likely one's. Default: the one of the "
            "checkpoint.",
        ),
    ] = None
    repetition_penalty: Annotated[
        float | None,
        Field(
            gt=0,
            le=MAX_REPETITION_PENALTY,
            description="Penalty of tokens that occurred in prompt or path. 1 means none. Default: the one of the "
            "checkpoint.",
        ),
    ] = None
    max_tokens: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_TOKENS,
            description="Maximum number of completion tokens per path, thoughts included. The context length limits it "
            "too.",
        ),
    ] = 320
    thinking: Annotated[
        Thinking,
        Field(
            description="Whether a thinking model thinks, unless the request sets it. `auto` is off for a model that "
            "has a switch."
        ),
    ] = Thinking.AUTO
    thinking_tokens: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_TOKENS,
            description="Maximum number of tokens of a thought per path, after which the model must answer. Default: "
            "no limit but `max_tokens`.",
        ),
    ] = None
    deadline_s: Annotated[
        float, Field(gt=0, le=MAX_DEADLINE_S, description="Seconds after which the votes so far answer a problem.")
    ] = 30

    @model_validator(mode="after")
    def _has_a_path(self) -> "SamplingSettings":
        if self.cot_paths + self.pot_paths == 0:
            raise ValueError("cot_paths and pot_paths are both 0; set at least one of them")
        return self


class SandboxSettings(SettingsGroup):
    """Limits of the programs."""

    title: ClassVar[str] = "Sandbox"

    sandbox_workers: Annotated[
        int, Field(ge=1, le=256, description="Maximum number of programs that run at the same time.")
    ] = 2
    sandbox_timeout_s: Annotated[
        float, Field(ge=0.1, le=60, description="CPU seconds per program. The wall-clock limit is five times as long.")
    ] = 2
    sandbox_memory_mib: Annotated[int, Field(ge=16, le=16384, description="Memory per program, in MiB.")] = 256
    sandbox_libraries: Annotated[
        bool,
        Field(
            description="Run programs that use numpy or sympy, in processes of their own. Needs the extra `libraries`, "
            "and as much memory for programs again."
        ),
    ] = False
    allow_unlocked_sandbox: Annotated[
        bool,
        Field(
            description="Run programs even where the kernel lacks seccomp. A program that escapes the language policy "
            "then has the rights of the service."
        ),
    ] = False
