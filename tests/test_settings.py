"""Settings: precedence of their sources, and errors."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.errors import ConfigurationError
from service.settings import EngineKind, LogLevel, Settings, load_settings, read_key
from service.types import Policy


def toml(folder: Path, text: str) -> Path:
    path = folder / "twinpath.toml"
    path.write_text(text, encoding="utf-8")
    return path


def message(config: Path | None = None, **flags: object) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(config, **flags)
    return str(raised.value)


def test_the_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.engine, settings.model) == ("127.0.0.1", 8000, EngineKind.VLLM, None)
    assert (settings.cot_paths, settings.pot_paths, settings.policy, settings.max_tokens) == (
        10,
        10,
        Policy.ADAPTIVE,
        320,
    )
    assert (settings.temperature, settings.deadline_s, settings.allow_unlocked_sandbox) == (None, 30, False)
    assert (settings.max_body_bytes, settings.max_problem_chars) == (65536, 4000)


def test_flag_before_environment_before_file_before_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toml(tmp_path, 'cot_paths = 1\npot_paths = 1\nmax_tokens = 1\npolicy = "fixed"\n')
    monkeypatch.setenv("TWINPATH_COT_PATHS", "2")
    monkeypatch.setenv("TWINPATH_POT_PATHS", "2")
    settings = load_settings(config, cot_paths=3)
    assert (settings.cot_paths, settings.pot_paths, settings.max_tokens, settings.deadline_s) == (3, 2, 1, 30)
    assert settings.policy is Policy.FIXED


def test_a_flag_that_was_not_given_overrides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_MODEL", "from-environment")
    assert load_settings(model=None).model == "from-environment"


def test_a_flag_of_zero_or_false_is_given(tmp_path: Path) -> None:
    config = toml(tmp_path, "cot_paths = 5\nallow_unlocked_sandbox = true\n")
    settings = load_settings(config, cot_paths=0, allow_unlocked_sandbox=False)
    assert (settings.cot_paths, settings.allow_unlocked_sandbox) == (0, False)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_CONFIG", str(toml(tmp_path, "cot_paths = 4")))
    assert load_settings().cot_paths == 4


def test_the_flag_names_the_file_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_CONFIG", "/nowhere.toml")
    assert load_settings(toml(tmp_path, "cot_paths = 4")).cot_paths == 4


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_COT_PATHS", "")
    monkeypatch.setenv("TWINPATH_FAKE_TOKENS_PER_S", "")
    assert (load_settings().cot_paths, load_settings().fake_tokens_per_s) == (10, None)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_a_variable_and_a_line_of_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"engine": "fake", "dtype": "float32", "policy": "fixed", "log_level": "debug", "log_format": "json"}
    words |= dict.fromkeys(("allow_unlocked_sandbox", "sandbox_libraries", "allow_anonymous", "compile_on_cpu"), "true")
    words |= {"otlp_endpoint": "http://collector:4318", "api_docs": "false"}
    words |= {"cors_origins": "https://page.example", "root_path": "/math"}
    words |= dict.fromkeys(
        ("host", "model", "adapters", "revision", "prompt", "calibration", "quantization", "cache_dir", "fake_script"),
        "a-word",
    )
    words |= {"thinking": "on", "worker_api": "sglang"}
    words["engine_options"] = '{"max_loras": 2}'
    words |= dict.fromkeys(
        ("adapters", "worker_urls", "worker_model", "worker_api_key_file", "api_keys_file", "client_api_key_file"),
        "a-word",
    )
    numbers = {
        "temperature": "1.5",
        "top_p": "0.5",
        "min_p": "0.5",
        "repetition_penalty": "1.5",
        "gpu_memory_utilization": "0.5",
        "key_share": "0.5",
        "trace_sample_ratio": "0.5",
        "max_model_len": "64",
    }
    numbers |= {"max_head_bytes": "1024", "max_headers": "16"}
    numbers |= {"sandbox_memory_mib": "16", "max_body_bytes": "1024", "max_batch_bytes": "1024"}
    numbers["max_batch_disk_bytes"] = "1024"
    value = words.get(name) or numbers.get(name, "3")
    variable = f"TWINPATH_{name.upper()}"
    monkeypatch.delenv(variable, raising=False)
    default = getattr(load_settings(), name)
    quoted = value if value[0].isdigit() or value in ("true", "false") else f'"{value}"'
    if name == "engine_options":
        quoted = "{max_loras = 2}"
    from_file = getattr(load_settings(toml(tmp_path, f"{name} = {quoted}\n")), name)
    monkeypatch.setenv("TWINPATH_CONFIG", "")
    monkeypatch.setenv(variable, value)
    from_environment = getattr(load_settings(), name)
    assert from_file == from_environment != default


def test_an_unknown_flag_fails() -> None:
    assert message(cots=3) == "Invalid settings: `cots` is an unknown field"


def test_an_unknown_variable_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_COTS", "3")
    monkeypatch.setenv("TWINPATH_", "3")
    assert message() == "Unknown environment variables: TWINPATH_, TWINPATH_COTS."


def test_an_unknown_line_of_the_file_fails(tmp_path: Path) -> None:
    assert message(toml(tmp_path, "cots = 3\n")) == "Invalid settings: `cots` is an unknown field"
    assert message(toml(tmp_path, "[paths]\ncot = 3\n")) == "Invalid settings: `paths` is an unknown field"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", 65536, "a whole number from 0 to 65535"),
        ("port", -1, "a whole number from 0 to 65535"),
        ("cot_paths", 65, "a whole number from 0 to 64"),
        ("cot_paths", "many", "a whole number from 0 to 64"),
        ("cot_paths", "1.5", "a whole number from 0 to 64"),
        ("policy", "majority", "`fixed`, `lossless` or `adaptive`"),
        ("engine", "tpu", "`vllm`, `remote` or `fake`"),
        ("temperature", 2.5, "a number from 0 to 2"),
        ("temperature", "nan", "a number from 0 to 2"),
        ("deadline_s", 0, "a number above 0 and up to 3600"),
        ("deadline_s", "inf", "a number above 0 and up to 3600"),
        ("max_tokens", 0, "a whole number from 1 to 131072"),
        ("gpu_memory_utilization", 1.01, "a number above 0 and up to 1"),
        ("fake_tokens_per_s", 0, "a number above 0"),
        ("sandbox_workers", 0, "a whole number from 1 to 256"),
        ("sandbox_memory_mib", 8, "a whole number from 16 to 16384"),
        ("log_level", "loud", "`debug`, `info`, `warning` or `error`"),
        ("shutdown_grace_s", -1, "a whole number of at least 0"),
        ("max_body_bytes", 10, "a whole number of at least 1024"),
    ],
)
def test_what_is_out_of_range_fails_from_every_source(
    name: str, value: object, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = f"Invalid settings: `{name}` must be {said}"
    assert message(None, **{name: value}) == expected
    assert message(toml(tmp_path, f"{name} = {value!r}\n".replace("'nan'", "nan").replace("'inf'", "inf"))) == expected
    monkeypatch.setenv("TWINPATH_CONFIG", "")
    monkeypatch.setenv(f"TWINPATH_{name.upper()}", str(value))
    assert message() == expected


def test_all_that_is_wrong_is_told_in_one_line() -> None:
    assert message(port=-1, cot_paths=65) == (
        "Invalid settings: `port` must be a whole number from 0 to 65535; `cot_paths` must be a whole number from 0 to 64"
    )


def test_at_least_one_path() -> None:
    expected = "Invalid settings: cot_paths and pot_paths are both 0; set at least one of them"
    assert message(cot_paths=0, pot_paths=0) == expected
    assert load_settings(cot_paths=0, pot_paths=1).pot_paths == 1


def test_a_missing_file_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "none.toml"
    assert message(missing) == f"The settings file {missing} does not exist."
    assert message(tmp_path) == f"The settings file {tmp_path} does not exist."
    monkeypatch.setenv("TWINPATH_CONFIG", str(missing))
    assert message() == f"The settings file {missing} does not exist."


@pytest.mark.parametrize("text", [b"cot_paths = ", b"cot: 3", b"cot_paths = 3\ncot_paths = 4", b"\xff\xfe", b"\x00"])
def test_a_broken_file_fails(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "twinpath.toml"
    path.write_bytes(text)
    assert message(path).startswith(f"The settings file {path} cannot be read: ")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        load_settings().cot_paths = 3  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_origins_are_a_list_from_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ["https://a.example", "http://localhost:3000"]
    monkeypatch.setenv("TWINPATH_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert load_settings().cors_origins == origins
    monkeypatch.delenv("TWINPATH_CORS_ORIGINS")
    assert load_settings(toml(tmp_path, f"cors_origins = {origins}")).cors_origins == origins
    assert load_settings(cors_origins=["*"]).cors_origins == ["*"]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://b.org/", "https://b.org"),
        ("https://A.org", "https://a.org"),
        ("https://a.org:443", "https://a.org"),
        ("http://a.org:80/", "http://a.org"),
        ("http://a.org:443", "http://a.org:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_is_what_browsers_send(text: str, origin: str) -> None:
    assert load_settings(cors_origins=[text]).cors_origins == [origin]


@pytest.mark.parametrize(
    "text", ["e.org", "https://e.org/path", "*,null", "https://", "https://a b", "https://u@a.org"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    assert message(cors_origins=text) == (
        "Invalid settings: `cors_origins` must be a scheme and a host, such as https://example.org"
    )


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", ""),
        ("0.0.0.0", "0.0.0.0"),
        ("localhost", "localhost"),
        ("twinpath-0.math.example", "twinpath-0.math.example"),
        ("bücher.example", "bücher.example"),
        ("::", "::"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_a_host_is_a_name_or_an_address(text: str, host: str) -> None:
    assert load_settings(host=text).host == host


@pytest.mark.parametrize(
    "text",
    ["256.1.1.1", "127.1", "127.0.0.1:80", "localhost:80", "[::1]:80", "[]", "http://127.0.0.1", "a b", "*", "u@h"],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    assert message(host=text) == (
        "Invalid settings: `host` must be a name or an address without a port, such as 127.0.0.1, or 0.0.0.0 for every "
        "address"
    )


def test_choices_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_LOG_LEVEL", "WARNING")
    settings = load_settings(engine="Fake")
    assert (settings.log_level, settings.engine) == (LogLevel.WARNING, EngineKind.FAKE)
    monkeypatch.setenv("TWINPATH_LOG_LEVEL", "WARN")
    assert message() == "Invalid settings: `log_level` must be `debug`, `info`, `warning` or `error`"


@pytest.mark.parametrize("prefix", ["", "/math", "/a/b-c.d/", "/"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    assert load_settings(root_path=prefix).root_path == prefix


@pytest.mark.parametrize("prefix", ["math", "/a b", "/a?b", "http://x/a", "//a", "/a//b", "/é", "/a\n"])
def test_what_is_no_path_is_no_prefix(prefix: str) -> None:
    assert message(root_path=prefix) == (
        "Invalid settings: `root_path` must be a path that starts with a slash, such as /math"
    )


def test_worker_urls_are_a_list_from_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = ["http://a:1", "http://b:2"]
    assert load_settings().worker_urls == []
    assert load_settings(toml(tmp_path, 'worker_urls = ["http://a:1", "http://b:2"]\n')).worker_urls == urls
    assert load_settings(worker_urls=urls).worker_urls == urls
    assert load_settings(worker_urls=["http://a:1,http://b:2"]).worker_urls == urls
    monkeypatch.setenv("TWINPATH_WORKER_URLS", "http://a:1, http://b:2,")
    assert load_settings().worker_urls == urls


LINKS = {
    "TWINPATH_SERVICE_HOST": "10.96.0.7",
    "TWINPATH_SERVICE_PORT": "8000",
    "TWINPATH_SERVICE_PORT_HTTP": "8000",
    "TWINPATH_PORT": "tcp://10.96.0.7:8000",
    "TWINPATH_PORT_8000_TCP": "tcp://10.96.0.7:8000",
    "TWINPATH_PORT_8000_TCP_PROTO": "tcp",
    "TWINPATH_PORT_8000_TCP_PORT": "8000",
    "TWINPATH_PORT_8000_TCP_ADDR": "10.96.0.7",
    "TWINPATH_PORT_53_UDP": "udp://10.96.0.7:53",
    "TWINPATH_ROUTER_SERVICE_HOST": "10.96.0.8",
    "TWINPATH_ROUTER_PORT": "tcp://10.96.0.8:30000",
    "TWINPATH_WORKER_0_PORT_8000_TCP_ADDR": "10.96.0.9",
    "TWINPATH_NAME": "/web/twinpath",
    "TWINPATH_ENV_LANG": "C.UTF-8",
}
"""Variables of services with names that start with `twinpath`, by Kubernetes and by Docker."""


def test_service_links_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == Settings()
    assert (load_settings().port, load_settings(port=9000).port) == (8000, 9000)
    monkeypatch.setenv("TWINPATH_PORT", "8001")
    assert load_settings().port == 8001


@pytest.mark.parametrize(
    ("name", "value"),
    [("TWINPATH_SERVICE_PORT", "tcp"), ("TWINPATH_PORTS", "tcp://10.96.0.7:1"), ("TWINPATH_ROUTER_PORT", "30000"),
     ("TWINPATH_PORT_TCP", "1"), ("TWINPATH_NAME", "mine"), ("TWINPATH_HOSTS", "10.96.0.7")],
)  # fmt: skip
def test_a_misspelt_variable_is_no_service_link(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert message() == f"Unknown environment variables: {name}."


PATHS = ("api_keys_file", "client_api_key_file", "cache_dir", "calibration", "fake_script", "worker_api_key_file")


def test_every_path_of_the_settings_is_tried_with_a_home() -> None:
    schema = Settings.model_json_schema()["properties"]
    found = {name for name, entry in schema.items() if "'format': 'path'" in str(entry)}
    assert found == set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_tilde_is_the_home_directory_from_every_source(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TWINPATH_CACHE_DIR")
    expected = tmp_path / "a" / "b"
    assert getattr(load_settings(None, **{name: "~/a/b"}), name) == expected
    config = toml(tmp_path, f'{name} = "~/a/b"\n')
    assert getattr(load_settings(Path("~") / config.name), name) == expected
    monkeypatch.setenv(f"TWINPATH_{name.upper()}", "~/a/b")
    assert getattr(load_settings(), name) == expected


def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an entry in the user database."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME", "TWINPATH_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_without_a_home_only_a_tilde_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_home(monkeypatch)
    assert load_settings().cache_dir == Path("/dev/null/twinpath")
    assert load_settings(cache_dir=tmp_path).cache_dir == tmp_path
    assert message(cache_dir="~/x") == (
        "Invalid settings: `cache_dir`: the home directory of ~/x is not known; write the whole path"
    )
    assert message(Path("~/x.toml")) == (
        "The settings file ~/x.toml cannot be read: the home directory of ~/x.toml is not known; write the whole path."
    )


def test_a_settings_file_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "twinpath.toml"
    path.write_bytes(b"\xef\xbb\xbf\r\ncot_paths = 4\r\n\r\n")
    assert load_settings(path).cot_paths == 4


def test_a_settings_file_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    path = toml(tmp_path, "cot_paths = " + "[" * 100_000)
    assert message(path) == f"The settings file {path} cannot be read: its values are nested too deeply."


@pytest.mark.parametrize("content", [b"tp_a\n", b"\xef\xbb\xbftp_a\r\n\r\n", b" tp_a \n"])
def test_a_key_file_holds_one_key(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    assert read_key(path, "client_api_key_file") == "tp_a"
    assert read_key(None, "client_api_key_file") is None


@pytest.mark.parametrize(
    "content", [b"tp_secret\ntp_secret", b"tp secret", "tp_sécret".encode(), b"tp_secret\0", b"", b"\n"]
)
def test_a_wrong_key_file_is_refused_without_its_content(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        read_key(path, "client_api_key_file")
    assert str(raised.value) == (
        f"The file {path} of client_api_key_file must hold an API key: one line of printable ASCII characters without "
        "spaces."
    )


def test_engine_options_are_merged_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toml(
        tmp_path, '[engine_options]\nmax_loras = 1\nblock-size = 16\nload_format = "auto"\nlora_dtype = "auto"\n'
    )
    monkeypatch.setenv("TWINPATH_ENGINE_OPTIONS", '{"max-loras": 2, "block_size": 32}')
    settings = load_settings(config, engine_options={"block_size": 64, "enable_lora": True})
    assert settings.engine_options == {
        "max_loras": 2, "block_size": 64, "load_format": "auto", "lora_dtype": "auto", "enable_lora": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_loras=2", "Expecting value at column 1"),
        ('{"max_loras": 2', "Expecting ',' delimiter at column 16"),
        ("[" * 100_000, "its values are nested too deeply"),
    ],
)
def test_engine_options_of_the_environment_are_json(text: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWINPATH_ENGINE_OPTIONS", text)
    assert message() == f"The environment variable TWINPATH_ENGINE_OPTIONS is not valid JSON: {reason}."


def test_engine_options_are_a_table_of_json_values(tmp_path: Path) -> None:
    assert message(toml(tmp_path, "engine_options = [1]\n")) == "Invalid settings: `engine_options` must be an object"
    assert message(toml(tmp_path, "[engine_options]\nmax_loras = 2026-01-01\n")) == (
        "Invalid settings: `engine_options.max_loras` must be a value that JSON has"
    )


@pytest.mark.parametrize("name", ["revision", "prompt", "quantization"])
def test_a_name_is_not_empty(name: str) -> None:
    assert message(None, **{name: ""}) == f"Invalid settings: `{name}` must be a text that is not empty"
