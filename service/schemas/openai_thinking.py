"""Parameters of thinking in OpenAI-compatible requests.

They are those of OpenAI, vLLM, llama.cpp, Ollama, OpenRouter and DashScope. Each is one of the two of `/solve`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field

from service.errors import InputError
from service.limits import MAX_TOKENS
from service.schemas.openai_base import OpenAiPart
from service.schemas.request import Integral, ThinkingTokens
from service.types import Thinking

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
_NO_EFFORT = "`none` is off. `medium` is the default of OpenAI, and leaves it to the service. Any other one is on."
Summary = Literal["auto", "concise", "detailed", "none"]
_NO_THOUGHTS = "Has no effect, because replies never hold thoughts."
_T = TypeVar("_T")


class TemplateOptions(OpenAiPart):
    """Variables of the chat template. Only those of thinking are supported."""

    enable_thinking: bool | None = Field(default=None, description="Whether the model thinks.", examples=[True])
    thinking: bool | None = Field(default=None, description="As `enable_thinking`.", examples=[True])
    reasoning_effort: Effort | None = Field(default=None, description=_NO_EFFORT, examples=["high"])


class Reasoning(OpenAiPart):
    """Thinking, as in OpenAI's responses and in OpenRouter."""

    effort: Effort | None = Field(default=None, description=_NO_EFFORT, examples=["high"])
    enabled: bool | None = Field(default=None, description="Whether the model thinks.", examples=[True])
    max_tokens: ThinkingTokens | None = Field(
        default=None, description="Maximum number of tokens of a thought.", examples=[2000]
    )
    summary: Summary | None = Field(default=None, description=_NO_THOUGHTS, examples=["auto"])
    generate_summary: Summary | None = Field(default=None, description=_NO_THOUGHTS, examples=["auto"])
    exclude: bool | None = Field(default=None, description=_NO_THOUGHTS, examples=[True])


class ThinkingObject(OpenAiPart):
    """Thinking, as in Anthropic's API."""

    type: Literal["enabled", "disabled"] = Field(description="Whether the model thinks.", examples=["enabled"])
    budget_tokens: ThinkingTokens | None = Field(
        default=None, description="Maximum number of tokens of a thought.", examples=[2000]
    )


class ThinkingParameters(BaseModel):
    """Parameters of thinking of other servers. Those of `twinpath` have the same meaning."""

    reasoning_effort: Effort | None = Field(
        default=None, description=f"Whether the model thinks. {_NO_EFFORT}", examples=["high"]
    )
    reasoning: Reasoning | None = Field(default=None, description="Whether and how long the model thinks.")
    chat_template_kwargs: TemplateOptions | None = Field(default=None, description="Whether the model thinks.")
    enable_thinking: bool | None = Field(default=None, description="Whether the model thinks.", examples=[True])
    think: bool | Effort | None = Field(default=None, description="Whether the model thinks.", examples=[True])
    thinking: ThinkingObject | None = Field(default=None, description="Whether and how long the model thinks.")
    thinking_token_budget: ThinkingTokens | None = Field(
        default=None, description="Maximum number of tokens of a thought.", examples=[2000]
    )
    thinking_budget: ThinkingTokens | None = Field(
        default=None, description="Maximum number of tokens of a thought.", examples=[2000]
    )
    thinking_budget_tokens: Annotated[int, Field(ge=-1, le=MAX_TOKENS), Integral] | None = Field(
        default=None, description="Maximum number of tokens of a thought. -1 means no limit.", examples=[2000]
    )

    def switches(self) -> dict[str, Thinking | None]:
        """Whether the model thinks, by the name of the parameter."""
        template, reasoning = self.chat_template_kwargs or TemplateOptions(), self.reasoning or Reasoning()
        values: dict[str, bool | str | None] = {
            "reasoning_effort": self.reasoning_effort,
            "reasoning.effort": reasoning.effort,
            "reasoning.enabled": reasoning.enabled,
            "chat_template_kwargs.enable_thinking": template.enable_thinking,
            "chat_template_kwargs.thinking": template.thinking,
            "chat_template_kwargs.reasoning_effort": template.reasoning_effort,
            "enable_thinking": self.enable_thinking,
            "think": self.think,
            "thinking": self.thinking.type == "enabled" if self.thinking else None,
        }
        return {name: _switch(value) for name, value in values.items()}

    def budgets(self) -> dict[str, int | None]:
        """Maximum number of tokens of a thought, by the name of the parameter."""
        budget = self.thinking_budget_tokens
        return {
            "reasoning.max_tokens": self.reasoning.max_tokens if self.reasoning else None,
            "thinking.budget_tokens": self.thinking.budget_tokens if self.thinking else None,
            "thinking_token_budget": self.thinking_token_budget,
            "thinking_budget": self.thinking_budget,
            "thinking_budget_tokens": None if budget == -1 else budget,
        }


def only_value(values: Mapping[str, _T | None]) -> tuple[str, _T | None]:
    """Name and value of the first parameter that is not null, else of the first one.

    Raises:
        InputError: another parameter contradicts it.
    """
    given = [(name, value) for name, value in values.items() if value is not None]
    for name, value in given:
        if value != given[0][1]:
            raise InputError(f"`{name}` contradicts `{given[0][0]}`; send only one of them.", name)
    return next(iter([*given, *values.items()]))


def _switch(value: Any) -> Thinking | None:
    if value is None or value == "medium":
        return None
    return Thinking.OFF if value in (False, "none") else Thinking.ON
