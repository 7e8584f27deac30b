"""Addresses of workers."""

import pytest

from service.engine.workers import Worker
from service.errors import ConfigurationError


@pytest.mark.parametrize("address", ["http://bob:pw@[::1", "http://a..b", "http://h:99999", "h:80", "http://"])
def test_an_address_to_which_nothing_can_be_sent_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a worker address; write http://HOST:PORT") as raised:
        Worker(address)
    assert "pw" not in str(raised.value)
