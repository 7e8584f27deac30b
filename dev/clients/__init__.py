"""Real clients of OpenAI's API, each in its own language."""
