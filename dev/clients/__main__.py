"""Check of a running service with real clients of OpenAI's API.

    python -m dev.clients http://127.0.0.1:8000

The service must play the demo (`twinpath serve --engine fake`). The packages of the clients are installed into a
temporary folder. The clients need node, npm, java and curl.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROBLEM = "A pen costs 3 dollars. How much do 7 pens cost?"
REPLY = "The answer is 21"
NPM = ("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "openai")
PIP = ("langchain-openai", "llama-index-llms-openai-like", "openai")


def main() -> int:
    """Run every client, and print what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="URL of the service, which may have a path")
    url = parser.parse_args().url.rstrip("/")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "environment" / "bin" / "python"
        _run(sys.executable, "-m", "venv", folder / "environment")
        _run(python, "-m", "pip", "install", "--quiet", *PIP)
        _run("npm", "install", "--silent", "--prefix", folder, *NPM)
        for script in HERE.glob("*.mjs"):  # imports are resolved from the script's folder
            (folder / script.name).write_bytes(script.read_bytes())
        commands: dict[str, list[object]] = {
            "OpenAI (Python), LangChain": [python, HERE / "python_clients.py"],
            "LlamaIndex": [python, HERE / "llamaindex.py"],
            "OpenAI (JavaScript)": ["node", folder / "openai.mjs"],
            "AI SDK": ["node", folder / "ai_sdk.mjs"],
            "JDK HttpClient": ["java", HERE / "Jdk.java"],
            "curl": ["sh", HERE / "curl.sh"],
        }
        return sum([_failures(name, [*command, url, PROBLEM]) for name, command in commands.items()]) > 0


def _failures(name: str, command: list[object]) -> int:
    """Number of replies of a client that are wrong, or 1 for a client that failed."""
    try:
        texts = json.loads(_run(*command).splitlines()[-1])
    except (IndexError, RuntimeError, ValueError) as error:
        print(f"{name}: {error}")
        return 1
    expected = {check: "404" if check == "missing_route" else REPLY for check in texts}
    wrong = {check: text for check, text in texts.items() if expected[check] not in str(text)}
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} replies are right")
    for check, text in wrong.items():
        print(f"  {check}: {text!r}")
    return len(wrong)


def _run(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout)[-2000:])
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
