"""Fields of the public `config.json` of well-known models that decide their size."""

from typing import Any

LLAMA_2_7B = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}  # fmt: skip
LLAMA_3_8B = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192,
    "tie_word_embeddings": False, "attention_bias": False,
}  # fmt: skip
QWEN25_7B = {
    "model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "sliding_window": 131072, "use_sliding_window": False, "max_window_layers": 28,
}  # fmt: skip
QWEN3_4B = {
    "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 2560, "intermediate_size": 9728, "head_dim": 128,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 40960,
    "tie_word_embeddings": True, "sliding_window": None, "use_sliding_window": False, "max_window_layers": 36,
    "attention_bias": False,
}  # fmt: skip
GEMMA_3_270M = {
    "model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 640, "intermediate_size": 2048, "head_dim": 256,
    "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "max_position_embeddings": 32768,
    "sliding_window": 512, "_sliding_window_pattern": 6, "attention_bias": False,
    "layer_types": 3 * [*5 * ["sliding_attention"], "full_attention"],
}  # fmt: skip
GEMMA_3_1B = {
    "model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912, "head_dim": 256,
    "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "max_position_embeddings": 32768,
    "sliding_window": 512, "sliding_window_pattern": 6, "attention_bias": False,
}  # fmt: skip
MISTRAL_7B = {
    "model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 32768,
    "tie_word_embeddings": False, "sliding_window": 4096,
}  # fmt: skip
MISTRAL_7B_V3 = MISTRAL_7B | {"vocab_size": 32768, "sliding_window": None}
DEEPSEEK_V3: dict[str, Any] = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
    "num_key_value_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "v_head_dim": 128,
}  # fmt: skip
