"""The student: a base model prepared for training, and the trained model."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch.nn.functional import rms_norm
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase, set_seed
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.utils import logging

from service.engine.cpu import computes_bfloat16
from service.errors import CheckpointError, ConfigurationError
from service.model import tokenizer_files
from service.model.tokenizer_files import reason_of
from training.recipe import Train

# transformers' bars over weights would break the line of the stage's bar. Downloads keep theirs.
logging.set_tqdm_hook(lambda _, args, kwargs: logging.EmptyTqdm(*args, **kwargs))


def load_tokenizer(base: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a base model. See `service.model.tokenizer_files`."""
    return tokenizer_files.load_tokenizer(base)


def load_base(base: str | Path, dtype: torch.dtype) -> PreTrainedModel:
    """Load a base model with PyTorch's fused attention, which supports the masks of packs.

    Raises:
        CheckpointError: transformers cannot load it.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(
            base, dtype=dtype, attn_implementation="sdpa", trust_remote_code=False
        )
    except (OSError, ValueError, LookupError) as error:
        raise CheckpointError(f"{base}: the model cannot be loaded: {reason_of(error)}") from None


def load_as_saved(model: Path) -> PreTrainedModel:
    """Load a model directory in the precision of its files."""
    return AutoModelForCausalLM.from_pretrained(model, dtype="auto", trust_remote_code=False)


def in_bf16(train: Train) -> bool:
    """Whether training computes in bfloat16 here. A CPU without bfloat16 instructions is faster in float32."""
    return train.precision == "bf16" and (torch.cuda.is_available() or computes_bfloat16())


def prepare(base: str | Path, train: Train, seed: int) -> Any:
    """Load a base model for training, with its adapter and frozen weights.

    Frozen weights of a LoRA training are in the training precision, trained weights in float32.

    Args:
        base: directory or name of the base model.
        train: training settings.
        seed: seed of the adapter's weights.

    Raises:
        ConfigurationError: `train.start` is not a matching adapter, or `train.max_length` is over the model's window.
    """
    set_seed(seed)
    frozen = torch.bfloat16 if in_bf16(train) and train.adapter == "lora" else torch.float32
    model = load_base(base, frozen)
    _check_window(model, train.max_length)
    if train.adapter == "lora":
        if torch.cuda.is_available():
            _fuse_norms(model)
        adapted = _adapted(model, train) if train.start else _new_adapter(model, train)
        if in_bf16(train):
            _trust_autocast(adapted)
        return adapted
    if not train.train_embedding:
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            layer.weight.requires_grad_(False)
    return model


def merged(base: str | Path, trained: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Load a trained student as a plain model.

    An adapter is rounded to bf16, as it is exported, and merged in float32.

    Args:
        base: directory or name of the base model.
        trained: output directory of the training.
        dtype: precision of the weights.
    """
    if (trained / "adapter_config.json").is_file():
        adapted = PeftModel.from_pretrained(load_base(base, torch.float32), trained)
        for name, weight in adapted.named_parameters():
            if ".lora_" in name:
                weight.data = weight.data.bfloat16().float()
        model = adapted.merge_and_unload()
    else:
        model = load_base(trained, torch.float32)
    return model.to(dtype)


def _new_adapter(model: PreTrainedModel, train: Train) -> Any:
    config = LoraConfig(
        r=train.rank, lora_alpha=train.alpha, target_modules="all-linear", task_type="CAUSAL_LM", bias="none"
    )
    return get_peft_model(model, config)


def _trust_autocast(model: Any) -> None:
    """Turn off PEFT's cast of each adapter's input to float32, which autocast reverses."""
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.cast_input_dtype_enabled = False


def _fuse_norms(model: PreTrainedModel) -> None:
    """Compute Gemma 3's frozen norms by PyTorch's fused kernel instead of eight small ones.

    A GPU spends most of a small model's step on starting kernels.
    """
    for module in model.modules():
        if isinstance(module, Gemma3RMSNorm):
            module.register_buffer(
                "scale", 1.0 + module.weight.detach().float(), persistent=False
            )  # moves with the module
            module.forward = partial(_fused_norm, module)


def _fused_norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    return rms_norm(x.float(), module.scale.shape, module.scale, module.eps).type_as(x)


def _adapted(model: PreTrainedModel, train: Train) -> PeftModel:
    try:
        adapted = PeftModel.from_pretrained(model, train.start, is_trainable=True)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"train.start = {train.start!r} is not an adapter of this student: {error}") from error
    config = adapted.peft_config["default"]
    if (config.r, config.lora_alpha) != (train.rank, train.alpha):
        raise ConfigurationError(
            f"train.start = {train.start!r} has rank {config.r} and alpha {config.lora_alpha}: "
            "set train.rank and train.alpha to these values"
        )
    return adapted


def _check_window(model: PreTrainedModel, max_length: int) -> None:
    window = getattr(model.config, "sliding_window", None)
    if window is not None and max_length > window:
        raise ConfigurationError(
            f"train.max_length = {max_length} is over the student's sliding window of {window}; lower it: "
            "the masks of packs replace the window"
        )
