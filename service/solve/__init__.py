"""The solver: admission, path sampling, vote and stopping rule."""
