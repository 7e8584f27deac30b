"""What OpenAI's clients send and expect, and how a solution reads in their words."""
