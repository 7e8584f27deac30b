"""The cache of packages."""

from pathlib import Path

import pytest

from tests.containers import packages
from tests.containers.packages import PackagesError, cached


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_recipe_is_made_once_and_a_changed_one_again(cache: Path) -> None:
    made: list[str] = []

    def make(target: Path) -> None:
        made.append(target.name)
        target.write_text(f"{len(made)}")

    assert [cached(recipe, make).read_text() for recipe in ("base a", "base b", "base a")] == ["1", "2", "1"]
    assert sorted(file.name[:5] for file in cache.iterdir()) == ["base-", "base-"]


def test_a_failed_recipe_leaves_nothing(cache: Path) -> None:
    def fail(target: Path) -> None:
        target.write_text("half")
        raise PackagesError("no mirror")

    with pytest.raises(PackagesError):
        cached("base a", fail)
    assert list(cache.iterdir()) == []


def test_a_failed_command_is_named_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(PackagesError, match=r"^sh failed: no space left$"):
        packages.run("sh", "-c", "echo no space left >&2; exit 1")
    with pytest.raises(PackagesError, match=r"^mmdebootstrap is missing$"):
        packages.run("mmdebootstrap")
