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


@pytest.mark.parametrize("name", ["metrics_key", "worker_api_key", "grafana_admin_password", "api_keys.toml"])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_blank_secret_is_refused_before_anything_is_written(name: str, is_link: bool, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / name
    path.parent.mkdir()
    target = tmp_path / "target" if is_link else path
    target.write_text(" \n")
    if is_link:
        path.symlink_to(target)
    with pytest.raises(ConfigurationError) as raised:
        create_missing(path.parent)
    assert str(raised.value) == f"{path} is empty. Delete it, and run the command again."
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["metrics_key", "worker_api_key"])
def test_a_key_that_no_header_can_hold_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a b\nc\n")
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/{name} must contain a key: one line of printable ASCII characters without spaces. Delete it, and run "
        "the command again."
    )
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_secret_that_is_no_text_is_one_line(twinpath: Run, tmp_path: Path) -> None:
    (tmp_path / "metrics_key").write_bytes(b"na\xefve")
    assert twinpath("keys", "init", tmp_path) == (
        2,
        "",
        f"twinpath: The file {tmp_path}/metrics_key cannot be read: byte 3 is not UTF-8 text.\n",
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics_key"]


@pytest.mark.parametrize("target", ["missing", "."])
def test_a_link_to_no_file_is_refused(target: str, tmp_path: Path) -> None:
    (tmp_path / "worker_api_key").symlink_to(target)
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/worker_api_key must be a link to a file that exists. Delete it, and run the command again."
    )


def test_an_empty_token_of_hugging_face_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "huggingface_token").touch()
    assert set(create_missing(tmp_path).files) == CREATED


def test_a_metrics_key_that_no_table_has_gets_one(twinpath: Run, tmp_path: Path) -> None:
    create_missing(tmp_path)
    (tmp_path / "metrics_key").write_text("other\n")
    code, out, err = twinpath("keys", "init", tmp_path)
    assert (code, err) == (0, "")
    assert out == (
        f"Added to {tmp_path}/api_keys.toml: the table prometheus-2, for metrics_key.\n"
        "The tables of lost keys stay valid. Delete them from the file.\n"
    )
    assert scopes(tmp_path, "other") == [KeyScope.METRICS]
    assert twinpath("keys", "init", tmp_path) == (0, f"{tmp_path} contains every secret.\n", "")


@pytest.mark.parametrize("open_mode", [0o755, 0o1777, 0o701])
def test_a_directory_that_others_use_is_refused_and_stays(open_mode: int, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    tmp_path.chmod(open_mode)
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == (
        f"Other users can enter {tmp_path}, and it contains more than secrets: other. Name a new directory, or run chmod "
        "700 on it."
    )
    assert mode(tmp_path) == open_mode
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_a_closed_directory_may_contain_other_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "ca.pem").chmod(0o600)
    tmp_path.chmod(0o700)
    assert set(create_missing(tmp_path).files) == CREATED
    assert mode(tmp_path / "ca.pem") == 0o600


def test_the_directory_of_a_clone_is_closed(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    tmp_path.chmod(0o755)
    create_missing(tmp_path)
    assert mode(tmp_path) == 0o700


def test_the_mode_of_another_users_file_is_refused_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    (tmp_path / "worker_api_key").write_text("k3y")
    (tmp_path / "worker_api_key").chmod(0o600)
    monkeypatch.setattr(Path, "chmod", denied)
    with pytest.raises(ConfigurationError) as raised:
        create_missing(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/worker_api_key belongs to another user. Run chmod 644 on it as that user."
    )


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
    (folder / "metrics_key").unlink()
    code, out, err = twinpath("keys", "init", folder)
    assert (code, err) == (0, "")
    assert out == (
        f"Created in {folder}: metrics_key\n"
        f"Added to {folder}/api_keys.toml: the table prometheus-2, for metrics_key.\n"
        "The tables of lost keys stay valid. Delete them from the file.\n"
    )


def test_a_directory_that_cannot_be_made_is_one_line(twinpath: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("none")
    for name in ("file", "link"):
        assert twinpath("keys", "init", tmp_path / name) == (
            2,
            "",
            f"twinpath: {tmp_path}/{name} must be a directory. Delete it, or name another path.\n",
        )
    assert twinpath("keys", "init", tmp_path / "file/secrets") == (
        2,
        "",
        f"twinpath: {tmp_path}/file/secrets: Not a directory.\n",
    )
