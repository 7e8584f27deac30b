"""Files of secrets: new ones, existing ones, modes and refusals."""

import os
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.api_key import KeyScope
from service.api.api_keys import KeyRing, new_key
from service.cli.secret_files import create_missing
from service.errors import ConfigurationError
from tests.cli.conftest import Run

CREATED = {"api_keys.toml", "metrics_key", "grafana_admin_password", "worker_api_key"}


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def scopes(folder: Path, key: str) -> list[KeyScope]:
    found = KeyRing(folder / "api_keys.toml").find(key)
    return sorted(found.table.scopes) if found else []


def test_every_secret_is_created_under_any_umask(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    new = create_missing(folder)
    assert set(new.files) == set(texts(folder)) == CREATED
    assert mode(folder) == 0o700
    assert {mode(folder / name) for name in CREATED} == {0o644}
    assert new.api_key is not None
    assert scopes(folder, new.api_key) == [KeyScope.SOLVE]
    assert scopes(folder, texts(folder)["metrics_key"].strip()) == [KeyScope.METRICS]
    assert texts(folder)["grafana_admin_password"] == f"{new.grafana_password}\n"
    assert len(texts(folder)["worker_api_key"]) == 44
    assert new.api_key not in "".join(texts(folder).values())


def test_a_second_call_changes_nothing_but_modes(tmp_path: Path) -> None:
    create_missing(tmp_path)
    (tmp_path / "huggingface_token").write_text("hf_token")
    before = texts(tmp_path)
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    tmp_path.chmod(0o755)
    new = create_missing(tmp_path)
    assert (new.files, new.api_key, new.grafana_password) == ([], None, None)
    assert texts(tmp_path) == before
    assert {mode(path) for path in tmp_path.iterdir()} == {0o644}
    assert mode(tmp_path) == 0o700


@given(st.sets(st.sampled_from(sorted(CREATED))))
def test_any_missing_files_are_created_and_fit_the_others(lost: set[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        create_missing(folder)
        before = texts(folder)
        for file in lost:
            (folder / file).unlink()
        new = create_missing(folder)
        assert set(new.files) == lost
        now = texts(folder)
        assert set(now) == CREATED
        assert all(now[file] == before[file] for file in CREATED - lost - {"api_keys.toml"})
        assert all(now[file] != before[file] for file in lost)
        assert scopes(folder, now["metrics_key"].strip()) == [KeyScope.METRICS]
        if "api_keys.toml" not in lost:  # only a table is added
            assert now["api_keys.toml"].startswith(before["api_keys.toml"])
            assert (now["api_keys.toml"] != before["api_keys.toml"]) == ("metrics_key" in lost)


def test_existing_keys_stay_and_the_metrics_key_gets_a_free_name(tmp_path: Path) -> None:
    mine, table = new_key("prometheus", [KeyScope.SOLVE], 60, 4)
    (tmp_path / "api_keys.toml").write_text(table.rstrip("\n"))  # as an editor may leave it
    new = create_missing(tmp_path)
    assert new.api_key is None
    tables = tomllib.loads((tmp_path / "api_keys.toml").read_text())["keys"]
    assert [(entry["name"], entry["scopes"]) for entry in tables] == [
        ("prometheus", ["solve"]),
        ("prometheus-2", ["metrics"]),
    ]
    assert scopes(tmp_path, mine) == [KeyScope.SOLVE]


def test_the_target_of_a_link_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("k3y")
    target.chmod(0o600)
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "worker_api_key").symlink_to(target)
    assert "worker_api_key" not in create_missing(folder).files
    assert (target.read_text(), mode(target)) == ("k3y", 0o600)


def test_files_that_cannot_be_secrets_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "metrics_key").touch()
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == f"{tmp_path}/metrics_key is empty. Delete it, and run the command again."
    (tmp_path / "metrics_key").unlink()
    (tmp_path / "metrics_key").mkdir()
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == f"{tmp_path}/metrics_key must be a regular file. Delete it, and run the command again."
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics_key"]


def test_an_invalid_file_of_keys_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "api_keys.toml").write_text("[[keys]")
    with pytest.raises(ConfigurationError, match=r"^The API keys file .*/api_keys\.toml cannot be read: "):
        create_missing(tmp_path)
    assert texts(tmp_path) == {"api_keys.toml": "[[keys]"}


def test_root_gives_the_files_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    owner = (1234, 2345) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(tmp_path, *owner)
    create_missing(tmp_path)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in [tmp_path, *tmp_path.iterdir()]} == {owner}


def test_the_command_prints_new_secrets_once(twinpath: Run, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    code, out, err = twinpath("keys", "init", folder)
    first, password, key = out.splitlines()
    assert (code, err) == (0, "")
    assert first == f"Created in {folder}: metrics_key, worker_api_key, grafana_admin_password, api_keys.toml"
    assert f"{password}\n".endswith(f" admin: {texts(folder)['grafana_admin_password']}")
    assert scopes(folder, key.rpartition(" ")[2]) == [KeyScope.SOLVE]
    assert twinpath("keys", "init", folder) == (0, f"{folder} contains every secret.\n", "")
    (folder / "worker_api_key").unlink()
    assert twinpath("keys", "init", folder) == (0, f"Created in {folder}: worker_api_key\n", "")


def test_a_directory_that_cannot_be_made_is_one_line(twinpath: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert twinpath("keys", "init", tmp_path / "file/secrets") == (
        2,
        "",
        f"twinpath: {tmp_path}/file/secrets: Not a directory.\n",
    )
