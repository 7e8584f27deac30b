"""Well-known families of models in small: configuration, chat template and special tokens.

The fields of a configuration are those of the published one. The templates render turns as those of the makers do.
Their text is Twinpath's own. `tiny_families.py` makes the models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.model.metadata import Decoding
from tests.support.qwen3 import QWEN3_TEMPLATE, SPECIAL, THOUGHT

LLAMA_2_TEMPLATE = (
    "{%- if messages[0].role == 'system' %}"
    "{%- set system = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' %}{%- set turns = messages[1:] %}"
    "{%- else %}{%- set system = '' %}{%- set turns = messages %}{%- endif %}"
    "{%- for turn in turns %}"
    "{%- if turn.role == 'user' %}"
    "{{- bos_token + '[INST] ' + (system if loop.first else '') + turn.content.strip() + ' [/INST]' }}"
    "{%- else %}{{- ' ' + turn.content.strip() + ' ' + eos_token }}{%- endif %}"
    "{%- endfor %}"
)
LLAMA_3_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for turn in messages %}"
    "{{- '<|start_header_id|>' + turn.role + '<|end_header_id|>\\n\\n' + turn.content | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
QWEN25_TEMPLATE = (
    "{%- if messages[0].role != 'system' %}"
    "{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}"
    "{%- endif %}"
    "{%- for turn in messages %}{{- '<|im_start|>' + turn.role + '\\n' + turn.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
MISTRAL_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for turn in messages %}"
    "{%- if turn.role == 'user' %}{{- '[INST] ' + turn.content + ' [/INST]' }}"
    "{%- elif turn.role == 'assistant' %}{{- turn.content + eos_token }}"
    "{%- else %}{{- raise_exception('Only user and assistant roles are supported!') }}{%- endif %}"
    "{%- endfor %}"
)
GEMMA_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for turn in messages %}"
    "{%- if turn.role == 'system' %}{{- raise_exception('System role not supported') }}{%- endif %}"
    "{%- set role = 'model' if turn.role == 'assistant' else turn.role %}"
    "{{- '<start_of_turn>' + role + '\\n' + turn.content | trim + '<end_of_turn>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<start_of_turn>model\\n' }}{%- endif %}"
)
_SMALL = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "torch_dtype": "bfloat16", "use_cache": True,
}  # fmt: skip
_LLAMA = _SMALL | {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "attention_bias": False,
    "mlp_bias": False, "pretraining_tp": 1, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
}  # fmt: skip
_QWEN = _SMALL | {
    "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "use_sliding_window": False,
    "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
_MISTRAL = _SMALL | {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_act": "silu", "rms_norm_eps": 1e-5,
    "max_position_embeddings": 32768, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_SENTENCE = ("<unk>", "<s>", "</s>")
_INSTRUCTION = ("[INST]", "[/INST]")


@dataclass(frozen=True)
class Family:
    """One small model of a family.

    Args:
        name: directory of the model.
        prompt: name of the prompt that Twinpath chooses.
        config: fields of `config.json` in their published form, without `vocab_size`.
        generation: fields of `generation_config.json`.
        decoding: decoding parameters that Twinpath reads in it.
        template: chat template.
        special: special tokens, in the order of their ids from 0.
        roles: special tokens by their roles.
        plain: added tokens that are not special.
    """

    name: str
    prompt: str
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    decoding: Decoding
    template: str
    special: Sequence[str]
    roles: Mapping[str, str]
    plain: Sequence[str] = field(default=())


_MISTRAL_FIELDS: dict[str, Any] = {
    "prompt": "mistral",
    "generation": {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2},
    "decoding": Decoding(),
    "template": MISTRAL_TEMPLATE,
    "roles": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
}

FAMILIES = (
    Family(
        "Llama-2-7b-chat-hf",
        "twinpath",
        _LLAMA | {
            "num_key_value_heads": 4, "max_position_embeddings": 4096, "rope_scaling": None, "bos_token_id": 1,
            "eos_token_id": 2,
        },
        {"bos_token_id": 1, "eos_token_id": 2, "do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_length": 4096},
        Decoding(temperature=0.6, top_p=0.9),
        LLAMA_2_TEMPLATE,
        _SENTENCE,
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    ),
    Family(
        "Llama-3.1-8B-Instruct",
        "llama",
        _LLAMA | {
            "max_position_embeddings": 131072, "rope_theta": 500000.0, "bos_token_id": 0, "eos_token_id": [1, 2, 5],
            "rope_scaling": {
                "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_type": "llama3",
                "original_max_position_embeddings": 8192,
            },
        },
        {"bos_token_id": 0, "do_sample": True, "eos_token_id": [1, 2, 5], "temperature": 0.6, "top_p": 0.9},
        Decoding(temperature=0.6, top_p=0.9),
        LLAMA_3_TEMPLATE,
        ("<|begin_of_text|>", "<|end_of_text|>", "<|eom_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    ),
    Family(
        "Qwen2.5-7B-Instruct",
        "qwen",
        _QWEN | {
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "max_position_embeddings": 32768,
            "sliding_window": 131072, "max_window_layers": 2, "tie_word_embeddings": False,
        },
        {
            "bos_token_id": 0, "pad_token_id": 0, "eos_token_id": [2, 0], "do_sample": True, "temperature": 0.7,
            "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05,
        },
        Decoding(temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05),
        QWEN25_TEMPLATE,
        SPECIAL,
        {"eos_token": SPECIAL[2], "pad_token": SPECIAL[0]},
    ),
    Family(
        "Qwen3-0.6B",
        "qwen",
        _QWEN | {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "max_position_embeddings": 40960,
            "sliding_window": None, "max_window_layers": 2, "head_dim": 64, "attention_bias": False,
            "tie_word_embeddings": True,
        },
        {
            "bos_token_id": 0, "pad_token_id": 0, "eos_token_id": [2, 0], "do_sample": True, "temperature": 0.6,
            "top_p": 0.95, "top_k": 20,
        },
        Decoding(temperature=0.6, top_p=0.95, top_k=20),
        QWEN3_TEMPLATE,
        SPECIAL,
        {"eos_token": SPECIAL[2], "pad_token": SPECIAL[0]},
        THOUGHT,
    ),
    Family(  # its window is shorter than the prompts, as 4,096 tokens are beside 32,768
        "Mistral-7B-Instruct-v0.1",
        config=_MISTRAL | {"sliding_window": 64, "rope_theta": 10000.0},
        special=_SENTENCE,
        **_MISTRAL_FIELDS,
    ),
    Family(
        "Mistral-7B-Instruct-v0.3",
        config=_MISTRAL | {"sliding_window": None, "rope_theta": 1000000.0},
        special=(*_SENTENCE, *_INSTRUCTION),
        **_MISTRAL_FIELDS,
    ),
    Family(
        "gemma-3-270m-it",
        "gemma",
        _SMALL | {
            "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "head_dim": 64,
            "num_key_value_heads": 1, "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "rope_scaling": None,
            "sliding_window": 64, "layer_types": ["sliding_attention", "full_attention"],
            "query_pre_attn_scalar": 8, "attn_logit_softcapping": None, "final_logit_softcapping": None,
            "attention_bias": False, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        },
        {"cache_implementation": "hybrid", "do_sample": True, "eos_token_id": [1, 5], "top_k": 64, "top_p": 0.95},
        Decoding(top_p=0.95, top_k=64),
        GEMMA_TEMPLATE,
        ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"),
        {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"},
    ),
)  # fmt: skip
