"""Developer tools: the prose linter, the readability table and one-off studies."""
