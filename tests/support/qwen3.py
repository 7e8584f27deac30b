"""Chat template and special tokens in the form of Qwen3.

The template renders the turns, the switch `enable_thinking` and the removal of earlier thoughts as that of Qwen3
(Apache-2.0) does. Its text is Twinpath's own, without the parts for tools.
"""

QWEN3_TEMPLATE = (
    "{%- for message in messages %}"
    "{%- set content = message.content if message.content is string else '' %}"
    "{%- if message.role == 'assistant' and not loop.last %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}"
    "{%- endif %}"
    "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}"
    "{%- endif %}"
)

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THOUGHT = ("<think>", "</think>")  # added tokens that are not special, as in Qwen3

QWEN3_TOKENS = {
    str(number): {"content": text, "special": text in SPECIAL} for number, text in enumerate((*SPECIAL, *THOUGHT), 1000)
}
"""Added tokens as `tokenizer_config.json` has them."""
