"""Training data: problems, rationales and examples, and their sources."""
