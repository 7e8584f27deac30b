"""Import of vLLM as `twinpath serve` imports it, for a fork server."""

from service.engine.cpu import limit_spinning

limit_spinning()

import service.engine.vllm  # noqa: E402, F401
