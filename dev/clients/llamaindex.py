"""LlamaIndex: `python llamaindex.py URL PROBLEM`."""

import json
import sys

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

url, problem = sys.argv[1:]
texts = {}
for name, is_chat in (("chat", True), ("completion", False)):
    llm = OpenAILike(
        model="twinpath", api_base=f"{url}/v1", api_key="none", is_chat_model=is_chat, max_retries=0, max_tokens=200
    )
    history = [ChatMessage(role="system", content="Be terse."), ChatMessage(role="user", content=problem)]
    texts[name] = llm.chat(history).message.content
    texts[f"{name}_complete"] = llm.complete(problem).text
    texts[f"{name}_stream"] = "".join(part.delta or "" for part in llm.stream_chat(history))
print(json.dumps(texts))
