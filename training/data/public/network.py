"""First request to a server, within a time limit."""

from queue import Empty, Queue
from threading import Thread

import httpx

DEADLINE_S = 6.0


def connection_fault(url: str) -> str:
    """Fault of a request to a server. Empty if the server answers in time, with any status.

    A name or an address that does not answer blocks the system's calls for longer than their timeouts. So the request
    runs in a thread.
    """
    faults: Queue[str] = Queue()

    def send() -> None:
        try:
            httpx.head(url, timeout=DEADLINE_S)
        except httpx.HTTPError as error:
            faults.put(reason(error))
        except Exception as error:
            faults.put(f"{type(error).__name__}; check the proxy variables")  # the message can quote a password
        else:
            faults.put("")

    Thread(target=send, daemon=True).start()
    try:
        return faults.get(timeout=DEADLINE_S)
    except Empty:
        return f"no answer within {DEADLINE_S:g} s"


def reason(error: Exception) -> str:
    """Class and message of an error in one line, without a full stop."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")
