"""Demo service of the examples and of the documents."""

from collections.abc import Iterator

import pytest

from tests.support.served import served


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("demo"), "--engine", "fake") as url:
        yield url
