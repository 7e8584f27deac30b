"""File of API keys: contents, reloads, rates, and paths without keys."""

import hashlib
import hmac
import logging
import os
import random
import time
import tomllib
from pathlib import Path

import pytest

from service.api.api_key import ApiKey, KeyScope, KeyTable
from service.api.api_keys import KeyRing, key_ring, new_key, scope_of
from service.errors import ConfigurationError
from service.settings import Settings


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def table(name: str, key: str, *more: str) -> str:
    return "\n".join(["[[keys]]", f'name = "{name}"', f'sha256 = "{digest(key)}"', *more, ""])


def written(folder: Path, *tables: str) -> Path:
    path = folder / "keys.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "monotonic_ns", lambda: int(now[0] * 1e9))
    return now


def test_a_key_is_found_by_its_hash_alone(tmp_path: Path) -> None:
    ring = KeyRing(written(tmp_path, table("a", "one"), table("b", "two", 'scopes = ["metrics", "solve"]')))
    first, second = ring.find("one"), ring.find("two")
    assert first is not None
    assert second is not None
    assert (first.table.name, first.table.scopes) == ("a", frozenset({KeyScope.SOLVE}))
    assert (second.table.name, second.table.scopes) == ("b", frozenset({KeyScope.SOLVE, KeyScope.METRICS}))
    assert [ring.find(token) for token in ("", "One", "one ", digest("one"), "\udcff")] == [None] * 5


def test_every_key_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    real = hmac.compare_digest

    def compare(held: str, given: str) -> bool:
        compared.append(held)
        return real(held, given)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = KeyRing(written(tmp_path, table("a", "one"), table("b", "two"), table("c", "three")))
    for token in ("one", "three", "none"):
        compared.clear()
        ring.find(token)
        assert compared == [digest("one"), digest("two"), digest("three")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "at least one"),
        ("keys = []", "at least one"),
        ("keys = 3", "at least one"),
        (table("a", "one") + "[other]\n", "and no other keys"),
        ("[[keys]", "cannot be read"),
        ("keys = " + "[" * 100_000, "nested too deeply"),
        ('[[keys]]\nname = "a"\n', "table 1: `sha256` is missing"),
        ('[[keys]]\nname = "a"\nsha256 = "secret"\n', "table 1: `sha256` must match the pattern ^[0-9a-f]{64}$"),
        (table("a", "one") + table("b b", "two"), "table 2: `name` must match the pattern ^[A-Za-z0-9._-]{1,64}$"),
        (table("a", "one", "scopes = []"), "scopes"),
        (table("a", "one", 'scopes = ["admin"]'), "scopes"),
        (table("a", "one", "requests_per_minute = 0"), "requests_per_minute"),
        (table("a", "one", "rate = 3"), "`rate` is an unknown field"),
        (table("a", "one") + table("a", "two"), "two tables have the same name"),
        (table("a", "one") + table("b", "one"), "two tables have the same sha256"),
    ],
)
def test_a_wrong_file_is_refused_by_its_part_and_never_repeated(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="API keys") as raised:
        KeyRing(written(tmp_path, content))
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)
    assert digest("one") not in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        KeyRing(tmp_path / "none.toml")


def test_a_file_that_the_user_may_not_read_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = written(tmp_path, table("a", "one"))
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ConfigurationError) as raised:
        KeyRing(path)
    assert str(raised.value) == (
        f"The API keys file {path} cannot be read: Permission denied. Let the service's user read it: with Docker "
        "Compose run `docker compose run --rm setup`, otherwise run `chown` on the file and on its directory."
    )


def test_a_request_without_a_key_never_matches(tmp_path: Path) -> None:
    assert KeyRing(written(tmp_path, table("a", ""))).find("") is None


def test_keys_are_rotated_without_a_restart(tmp_path: Path, clock: list[float]) -> None:
    ring = KeyRing(written(tmp_path, table("a", "old")))
    written(tmp_path, table("a", "old"), table("b", "new"))
    assert ring.find("new") is None  # it looks once a second at most
    clock[0] += 1.0
    assert ring.find("new") is not None
    written(tmp_path, table("b", "new"))
    clock[0] += 1.0
    assert ring.find("old") is None


def test_the_file_is_looked_at_once_a_second_at_most(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing(written(tmp_path, table("a", "one")))
    looks: list[Path] = []
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        looks.append(path)
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    for _ in range(100):
        clock[0] += 0.05
        ring.find("one")
    assert 4 <= len(looks) <= 5


@pytest.mark.parametrize("broken", ["[[keys]", "keys = []", "", "keys = " + "[" * 100_000, None])
def test_a_broken_file_keeps_the_old_keys_and_is_logged_once(
    broken: str | None, tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, table("a", "one"))
    ring = KeyRing(path)
    path.unlink()
    if broken is not None:
        written(tmp_path, broken)
    for _ in range(3):
        clock[0] += 1.0
        assert ring.find("one") is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].getMessage().startswith("API keys not reloaded: The API keys file")
    written(tmp_path, table("b", "two"))
    clock[0] += 1.0
    assert ring.find("one") is None
    assert ring.find("two") is not None


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_read(tmp_path: Path, clock: list[float]) -> None:
    path = written(tmp_path, table("a", "one"))
    ring = KeyRing(path)
    other = tmp_path / "other"
    other.write_text(table("a", "two"), encoding="utf-8")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    clock[0] += 1.0
    assert ring.find("two") is not None


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + table("a", "one").replace("\n", "\r\n").encode())
    assert KeyRing(path).find("one") is not None


@pytest.mark.parametrize(("mode", "is_warned"), [(0o600, False), (0o644, False), (0o664, True), (0o666, True)])
def test_a_file_that_others_can_write_is_warned_about(
    mode: int, is_warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, table("a", "one"))
    path.chmod(mode)
    KeyRing(path)
    said = f"other users can write the API keys file {path}; run chmod go-w on it"
    assert (said in caplog.messages) is is_warned


def test_what_was_used_up_stays_used_up_when_the_file_changes(tmp_path: Path, clock: list[float]) -> None:
    ring = KeyRing(written(tmp_path, table("a", "one", "requests_per_minute = 1", "concurrency = 1")))
    holder = ring.find("one")
    assert holder is not None
    assert holder.acquire_rate() == 0.0
    holder.active += 1
    written(tmp_path, table("a", "two", "requests_per_minute = 1", "concurrency = 1"))
    clock[0] += 1.0
    rotated = ring.find("two")
    assert rotated is holder
    assert rotated.is_full
    assert rotated.acquire_rate() == 59.0


def holder(rate: int | None) -> ApiKey:
    return ApiKey(KeyTable(name="a", sha256=digest("one"), requests_per_minute=rate))


def test_a_minutes_requests_may_come_at_once_and_then_at_their_rate(clock: list[float]) -> None:
    held = holder(3)
    assert [held.acquire_rate() for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]
    clock[0] += 19.0
    assert held.acquire_rate() == 1.0  # asking in vain costs nothing
    clock[0] += 1.0
    assert [held.acquire_rate() for _ in range(2)] == [0.0, 20.0]
    clock[0] += 3600.0
    assert [held.acquire_rate() for _ in range(4)] == [0.0, 0.0, 0.0, 20.0]


def test_a_minutes_requests_fit_into_a_minute_at_any_time_and_rate(clock: list[float]) -> None:
    chance = random.Random(0)
    for rate in (1, 3, 7, 11, 60, 999):
        for _ in range(100):
            clock[0] = chance.uniform(0, 1e7)
            held = holder(rate)
            assert {held.acquire_rate() for _ in range(rate)} == {0.0}
            assert held.acquire_rate() > 0


def test_a_key_without_a_rate_never_waits(clock: list[float]) -> None:
    held = holder(None)
    assert {held.acquire_rate() for _ in range(1000)} == {0.0}


def test_a_clock_that_is_set_changes_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    held = holder(1)
    assert held.acquire_rate() == 0.0
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 59 < held.acquire_rate() <= 60


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/", None), ("/page/main.js", None), ("/health", None), ("/ready", None), ("/openapi.json", None), ("/docs", None), ("/docs/start.js", None), ("/docsx", KeyScope.SOLVE),
        ("/metrics", KeyScope.METRICS), ("/solve", KeyScope.SOLVE), ("/solve/stream", KeyScope.SOLVE),
        ("/solve/batch", KeyScope.SOLVE), ("/grade", KeyScope.SOLVE), ("/grade/batch", KeyScope.SOLVE), ("/v1/models", KeyScope.SOLVE), ("/nowhere", KeyScope.SOLVE),
        ("/page", KeyScope.SOLVE), ("/healthy", KeyScope.SOLVE), ("//health", KeyScope.SOLVE), ("", KeyScope.SOLVE),
    ],
)  # fmt: skip
def test_every_other_path_needs_a_key(path: str, scope: KeyScope | None) -> None:
    assert scope_of(path) is scope


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    assert key_ring(Settings(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.4", "twinpath.example"])
def test_other_addresses_need_keys_or_allow_anonymous(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Set --api-keys-file .* or set --allow-anonymous"):
        key_ring(Settings(host=host))
    assert key_ring(Settings(host=host, allow_anonymous=True)) is None
    path = written(tmp_path, table("a", "one"))
    assert isinstance(key_ring(Settings(host=host, api_keys_file=path)), KeyRing)


def test_a_new_key_fits_its_table(tmp_path: Path) -> None:
    key, text = new_key("ann", [KeyScope.SOLVE, KeyScope.METRICS], 60, None)
    assert (len(key), key[:3]) == (46, "tp_")
    assert tomllib.loads(text) == {
        "keys": [
            {"name": "ann", "sha256": digest(key), "scopes": ["solve", "metrics"], "requests_per_minute": 60},
        ]
    }
    assert key not in text
    assert KeyRing(written(tmp_path, text)).find(key) is not None
    assert new_key("ann", [KeyScope.SOLVE], None, None)[0] != key


def test_a_name_that_is_none_gets_no_key() -> None:
    with pytest.raises(ConfigurationError, match=r"^The key 'a\"b': `name` must match the pattern "):
        new_key('a"b', [KeyScope.SOLVE], None, None)
