"""Largest values of settings and requests."""

MAX_PATHS = 64
"""Maximum number of paths of each kind."""
MAX_DEADLINE_S = 3600
"""Maximum deadline of a problem in seconds."""
MAX_TOKENS = 131_072
"""Maximum number of completion tokens per path. The context length of the model limits them too."""
MAX_TEMPERATURE = 2
"""Maximum sampling temperature."""
MAX_TOP_K = 1_000_000
"""Maximum of `top_k`, above the size of any vocabulary."""
MAX_REPETITION_PENALTY = 2
"""Maximum repetition penalty."""
