"""LangChain on Twinpath's OpenAI API.

Run `pip install langchain-openai`, then `python examples/langchain_chat.py`.
"""

import sys

from langchain_openai import ChatOpenAI

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
PROBLEM = "There are 24 boxes with 8 crayons in each box. How many crayons are there in all?"

# With API keys, api_key is your key. `extra_body` takes the options of /solve that OpenAI's API does not have.
chat = ChatOpenAI(
    base_url=f"{URL}/v1",
    api_key="none",
    model="twinpath",
    temperature=0.7,
    seed=7,
    extra_body={"twinpath": {"policy": "lossless"}},
)

print("The best explanation of the voted answer:")
print(chat.invoke(PROBLEM).content)

print("The same as a stream, which starts when the vote is decided:")
for chunk in chat.stream(PROBLEM):
    print(chunk.content, end="", flush=True)
print()
