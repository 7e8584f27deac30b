"""OpenAI's client and LangChain: `python python_clients.py URL PROBLEM`."""

import json
import sys

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAI
from openai import OpenAI as Client

url, problem = sys.argv[1:]
texts: dict[str, str] = {}
with Client(base_url=f"{url}/v1", api_key="none", max_retries=0) as ai:
    texts["chat"] = str(
        ai.chat.completions.create(model="twinpath", messages=[{"role": "user", "content": problem}])
        .choices[0]
        .message.content
    )
    texts["completion"] = ai.completions.create(model="twinpath", prompt=problem).choices[0].text
    texts["response"] = ai.responses.create(model="twinpath", input=problem).output_text
    with ai.responses.stream(model="twinpath", input=problem) as stream:
        texts["response_stream"] = stream.get_final_response().output_text
for uses_responses in (False, True):
    chat = ChatOpenAI(base_url=f"{url}/v1", api_key="none", model="twinpath", use_responses_api=uses_responses)
    name = f"langchain_{'response' if uses_responses else 'chat'}"
    texts[name] = str(chat.invoke([SystemMessage("Be terse."), HumanMessage(problem)]).text)
    texts[f"{name}_stream"] = "".join(str(part.text) for part in chat.stream(problem))
llm = OpenAI(base_url=f"{url}/v1", api_key="none", model="twinpath")
texts["langchain_completion"] = llm.invoke([HumanMessage(problem)])
texts["langchain_completion_stream"] = "".join(llm.stream([HumanMessage(problem)]))
print(json.dumps(texts))
