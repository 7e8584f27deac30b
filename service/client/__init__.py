"""Python clients of a running service, synchronous and asynchronous.

The results are the wire models of the service. The clients retry after a lost connection and after the statuses 429,
502, 503 and 504. A retry is safe, because solving and grading have no side effects.
"""

from service.client.async_client import AsyncClient
from service.client.protocol import GradeOptions, Retries, SolveOptions, StreamEvent
from service.client.sync_client import Client

__all__ = ["AsyncClient", "Client", "GradeOptions", "Retries", "SolveOptions", "StreamEvent"]
