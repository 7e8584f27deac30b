"""Files of `deploy/`, `docker/` and the documents."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from deploy.generate import generated
from deploy.grafana.boards import BOARDS, panels
from service.metrics import LATENCY_SLO_S, Metrics
from service.settings import Settings
from tests.deploy.native import BIN, DEPLOY, ROOT, config, prometheus_files

RULES = DEPLOY / "prometheus/rules"
FILES = [("compose.yaml", "gpu"), ("compose.yaml", "cpu"), ("compose.scale.yaml", None)]


def run(*command: object, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules(kind: str) -> list[dict[str, Any]]:
    return [
        rule
        for file in ("recording.yaml", "alerts.yaml", "replicas.yaml")
        for group in yaml.safe_load((RULES / file).read_text())["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def series() -> set[str]:
    """Names of all time series of the service."""
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
    families = Metrics(CollectorRegistry()).registry.collect()
    return {family.name + suffix for family in families for suffix in suffixes[family.type]}


@cache
def services(file: str, profile: str | None) -> dict[str, dict[str, Any]]:
    resolved = config(file, *([profile] if profile else []), TWINPATH_MODEL="/models/student")
    found: dict[str, dict[str, Any]] = resolved["services"]
    return found


def test_generated_files_are_up_to_date() -> None:
    drifted = [path.name for path, text in generated().items() if path.read_text() != text]
    assert drifted == [], "run `python -m deploy.generate`"


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("tp_key")
    prometheus_files(tmp_path / "prometheus", {}, tmp_path / "key")
    run(BIN / "promtool", "check", "config", "prometheus.yml", cwd=tmp_path / "prometheus")
    for file in ("prometheus.yml", "prometheus.scale.yml"):
        run(BIN / "promtool", "check", "config", "--syntax-only", file, cwd=DEPLOY / "prometheus")


@pytest.mark.parametrize("file", ["prometheus.yml", "prometheus.scale.yml"])
def test_alertmanagers_come_from_files_that_git_ignores(file: str, tmp_path: Path) -> None:
    prometheus = shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    (tmp_path / "key").write_text("tp_key")
    config = (prometheus / file).read_text().replace("/run/secrets/metrics_key", str(tmp_path / "key"))
    (prometheus / file).write_text(config)
    run(BIN / "promtool", "check", "config", file, cwd=prometheus)  # without an Alertmanager
    own = prometheus / "alertmanagers/own.yml"
    own.write_text('[{targets: ["alertmanager.example.com:9093"]}]')
    run(BIN / "promtool", "check", "config", file, cwd=prometheus)
    own.write_text("[{target: []}]")
    checked = subprocess.run(
        [BIN / "promtool", "check", "config", file], cwd=prometheus, capture_output=True, text=True
    )
    assert checked.returncode == 1
    assert "alertmanagers/*.yml" in checked.stdout + checked.stderr
    assert (DEPLOY / "prometheus/alertmanagers/.gitignore").read_text() == "*\n!.gitignore\n"


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_a_lost_container_is_a_target_that_is_down_or_a_missing_replica(file: str, profile: str | None) -> None:
    running = services(file, profile)
    (prometheus,) = [part for part in running["prometheus"]["command"] if part.startswith("--config.file=")]
    shipped = yaml.safe_load((DEPLOY / "prometheus" / Path(prometheus).name).read_text())
    jobs = {job["job_name"]: job for job in shipped["scrape_configs"]}
    assert jobs["twinpath"]["authorization"] == {"credentials_file": "/run/secrets/metrics_key"}
    assert [name for name, job in jobs.items() if "authorization" in job] == ["twinpath"]
    static = {
        name: [target for config in job.get("static_configs", []) for target in config["targets"]]
        for name, job in jobs.items()
    }
    if profile:
        assert static == {"twinpath": ["service:8000"]}
        return
    workers = sorted(name for name in running if name.startswith("worker"))
    assert static == {
        "twinpath": [],
        "twinpath-worker": [f"{name}:8000" for name in workers],
        "twinpath-router": ["router:29000"],
        "twinpath-door": ["door:8081"],
    }
    assert [config["names"] for config in jobs["twinpath"]["dns_sd_configs"]] == [["service"]]
    assert "rules/replicas.yaml" in shipped["rule_files"]


@pytest.mark.e2e
@pytest.mark.parametrize("file", ["alerts_test.yaml", "alerts_slow_test.yaml"])
def test_alerts_fire_and_resolve(file: str) -> None:
    run(BIN / "promtool", "test", "rules", file, cwd=RULES)


def test_every_alert_is_tested_and_has_a_runbook() -> None:
    names = [rule["alert"] for rule in rules("alert")]
    assert len(names) == len(set(names))
    tests = [
        test["alert_rule_test"]
        for file in ("alerts_test.yaml", "alerts_slow_test.yaml")
        for test in yaml.safe_load((RULES / file).read_text())["tests"]
        if "alert_rule_test" in test
    ]
    fired = {case["alertname"] for cases in tests for case in cases if case["exp_alerts"]}
    resolved = {case["alertname"] for cases in tests for case in cases if not case["exp_alerts"]}
    assert fired == resolved == set(names)
    headings = set(re.findall(r"^### (Twinpath\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE))
    assert headings == set(names) | {"TwinpathPodsMissing"}  # of the Helm chart
    for rule in rules("alert"):
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_engine_names_stand_in_recording_rules_alone() -> None:
    for rule in rules("alert"):
        assert "vllm:" not in rule["expr"]
    assert not [panel.title for _, panel in panels() for expression, _ in panel.queries if "vllm:" in expression]
    for rule in rules("record"):
        assert rule["record"].startswith("engine:") == ("vllm:" in rule["expr"])


def test_every_query_parses_and_names_what_exists() -> None:
    import promql_parser

    known = series() | {rule["record"] for rule in rules("record")}
    known |= {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
    expressions = [rule["expr"] for rule in rules("expr") if "vllm:" not in rule["expr"]]
    expressions += [expression for _, panel in panels() for expression, _ in panel.queries]
    for expression in expressions:
        filled = (
            expression.replace("$__rate_interval", "1m")
            .replace("$job", ".+")
            .replace("$instance", ".+")
            .replace("$namespace", ".*")
        )
        promql_parser.parse(filled)
        names = set(re.findall(r"\b(?:twinpath[_:]|engine:|process_|up\b|ALERTS\b)[\w:]*", filled))
        assert names
        assert names <= known, expression


def test_the_latency_objective_is_a_bucket_edge() -> None:
    slow = [rule["expr"] for rule in rules("record") if rule["record"].startswith("twinpath:slow:")]
    assert len(slow) == 5
    assert all(f'le="{LATENCY_SLO_S}"' in expression for expression in slow)
    edges = [
        float(sample.labels["le"])
        for family in Metrics(CollectorRegistry()).registry.collect()
        for sample in family.samples
        if sample.name == "twinpath_solve_duration_seconds_bucket"
    ]
    assert LATENCY_SLO_S in edges


def test_dashboards_are_apart_and_provisioned() -> None:
    assert len({board.uid for board in BOARDS}) == len(BOARDS) == 4
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    for board in BOARDS:
        shown = json.loads((DEPLOY / f"grafana/dashboards/{board.uid}.json").read_text())
        targets = [panel for panel in shown["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in targets} == {"${datasource}"}
        chosen = shown["templating"]["list"][0]
        assert (chosen["name"], chosen["type"], chosen["query"]) == ("datasource", "datasource", source["type"])
        assert all(panel["options"] for panel in targets)
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/twinpath.yaml").read_text())["providers"][0]
    mounts = services("compose.yaml", "cpu")["grafana"]["volumes"]
    assert provider["options"]["path"] in [mount["target"] for mount in mounts]
    home = services("compose.yaml", "cpu")["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana/dashboards" / Path(home).name).is_file()


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_compose_services_are_careful(file: str, profile: str | None) -> None:
    for name, service in services(file, profile).items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert all(mount["read_only"] for mount in service.get("volumes", []) if mount["type"] == "bind"), name
        assert all(":size=" in place for place in service.get("tmpfs", [])), name  # else half of the machine's memory
        assert ":latest" not in service["image"], name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name
        assert not (name.startswith("worker") and service.get("ports"))
        if name.startswith("service"):
            assert (service["user"], service["read_only"]) == ("10001:10001", True)
            assert service["stop_grace_period"] == "45s"
            assert service["environment"]["TWINPATH_SHUTDOWN_GRACE_S"] == "30"
            assert service["environment"]["TWINPATH_API_KEYS_FILE"] == "/run/secrets/api_keys"
            assert "api_keys" in [secret["source"] for secret in service["secrets"]]
        if name == "prometheus":
            assert [secret["source"] for secret in service["secrets"]] == ["metrics_key"]


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_compose_sets_only_settings_that_exist(file: str, profile: str | None) -> None:
    for service in services(file, profile).values():
        named = [name for name in service.get("environment") or {} if name.startswith("TWINPATH_")]
        assert {name.removeprefix("TWINPATH_").lower() for name in named} <= set(Settings.model_fields)


def test_the_bodies_of_several_batches_fit_into_tmp() -> None:
    for name, service in {**services("compose.yaml", "cpu"), **services("compose.scale.yaml", None)}.items():
        if name in ("service", "service-cpu", "door"):
            (place,) = service["tmpfs"]
            size = re.fullmatch(r"/tmp:size=(\d+)g", place)
            assert size
            assert int(size[1]) * 1024**3 >= 4 * Settings.model_fields["max_batch_bytes"].default


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_checks_of_this_machine_use_no_proxy(file: str, profile: str | None) -> None:
    for name, service in services(file, profile).items():
        command = " ".join(service["healthcheck"]["test"])
        direct = ("twinpath health", "ProxyHandler({})", "wget -q -Y off", "wget -q --spider -Y off", "promtool")
        assert any(part in command for part in direct), name  # promtool itself leaves loopback out
    for stage in re.findall(r"HEALTHCHECK .*\n +(CMD .*)", (ROOT / "docker/service.Dockerfile").read_text()):
        assert 'CMD ["twinpath", "health", "--ready"]' in stage or "ProxyHandler({})" in stage


def test_workers_report_nothing_to_the_makers_of_vllm() -> None:
    workers = [service for name, service in services("compose.scale.yaml", None).items() if name.startswith("worker")]
    assert {worker["environment"]["VLLM_NO_USAGE_STATS"] for worker in workers} == {"1"}


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_models_come_with_a_token_from_a_mirror_or_not_at_all(file: str, profile: str | None) -> None:
    variables = {"HF_ENDPOINT": "http://mirror", "HF_HUB_OFFLINE": "1", "HF_TOKEN_FILE": "secrets/token"}
    resolved = config(file, *([profile] if profile else []), TWINPATH_MODEL="org/model", **variables)
    assert Path(resolved["secrets"]["huggingface_token"]["file"]) == DEPLOY / "secrets/token"
    plain = config(file, *([profile] if profile else []), TWINPATH_MODEL="org/model")
    assert plain["secrets"]["huggingface_token"]["file"] == "/dev/null"
    # Newer buildx reads build secrets only below the repository.
    assert {Path(plain["secrets"][name]["file"]).read_bytes() for name in ("ca", "netrc")} == {b""}
    assert {Path(plain["secrets"][name]["file"]).name for name in ("ca", "netrc")} == {".none"}
    loading = [name for name in resolved["services"] if name.startswith(("service", "worker"))]
    assert loading
    for name in loading:
        environment = resolved["services"][name]["environment"]
        assert (environment["HF_ENDPOINT"], environment["HF_HUB_OFFLINE"]) == ("http://mirror", "1")
        assert environment["HF_TOKEN_PATH"] == "/run/secrets/huggingface_token"
        assert "huggingface_token" in [secret["source"] for secret in resolved["services"][name]["secrets"]]
        unset = plain["services"][name]["environment"]
        assert (unset["HF_ENDPOINT"], unset["HF_HUB_OFFLINE"]) == ("https://huggingface.co", "0")


def test_any_setting_can_stand_in_the_env_file(tmp_path: Path) -> None:
    for file in ("compose.yaml", "compose.scale.yaml"):
        (tmp_path / file).write_text((DEPLOY / file).read_text())
    example = (DEPLOY / ".env.example").read_text()
    (tmp_path / ".env").write_text(f"{example}\nTWINPATH_POLICY=lossless\nTWINPATH_MODEL=org/model\n")
    for file, name in (("compose.yaml", "service"), ("compose.scale.yaml", "service")):  # the example's profile is gpu
        out = run(BIN / "docker-compose", "-f", tmp_path / file, "config", "--format", "json", cwd=tmp_path)
        environment = json.loads(out)["services"][name]["environment"]
        assert (environment["TWINPATH_POLICY"], environment["TWINPATH_MODEL"]) == ("lossless", "org/model")
        assert {variable[9:].lower() for variable in environment if variable.startswith("TWINPATH_")} <= set(
            Settings.model_fields
        )


def test_the_env_example_has_each_variable_of_the_compose_files_and_its_default() -> None:
    used: dict[str, str] = {}
    for file in DEPLOY.glob("compose*.yaml"):
        text = re.sub(r"\$\$\w+", "", file.read_text())  # a variable of the container's shell
        used |= dict.fromkeys(re.findall(r"^ +([A-Z_]+):(?: +#.*)?$", text, re.MULTILINE), "")
        used |= dict.fromkeys(re.findall(r"\b[A-Z_]+\b", "".join(re.findall(r"args:\s+\[(.*)\]", text))), "")
        used |= dict(re.findall(r"\$\{([A-Z_]+)(?::-([^{}$]*))?", text))
    example = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert set(example) == set(used) | {"COMPOSE_PROFILES"}
    defaults = {name: default for name, default in used.items() if default and default not in ("/dev/null", "./.none")}
    assert {name: example[name] for name in defaults} == defaults
    assert (DEPLOY / example["CA_FILE"]).resolve().parent == DEPLOY  # builds may read no file outside of the repository


def test_settings_of_the_env_example_are_the_defaults() -> None:
    example = dict(re.findall(r"^#TWINPATH_([A-Z_]+)=(.+)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert len(example) == 8
    for name, value in example.items():
        assert str(Settings.model_fields[name.lower()].default) == value, name


def test_images_have_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for file in ("compose.yaml", "compose.scale.yaml", ".env.example"):
        assert set(re.findall(r"IMAGE_TAG(?::-|=)([\d.]+)", (DEPLOY / file).read_text())) == {version}
    tagged = {name: service["image"] for name, service in services("compose.scale.yaml", "setup").items()}
    assert tagged["service"] == tagged["setup"] == f"twinpath/service:{version}-slim"
    assert tagged["router"] == f"twinpath/router:{version}"
    for profile in ("gpu", "cpu"):
        found = config("compose.yaml", profile, "setup")["services"]
        (service,) = [found[name] for name in found if name.startswith("service")]
        assert service["image"] == f"twinpath/service:{version}-{profile}"
        assert service["build"]["tags"] == [found["setup"]["image"]]  # setup runs in the image that was built


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_builds_get_mirrors_and_the_ca(file: str, profile: str | None) -> None:
    variables = {"PYTHON": "mirror/python", "UV_DEFAULT_INDEX": "https://mirror/simple", "CA_FILE": "/etc/ca.pem"}
    variables["NETRC_FILE"] = "/etc/netrc"
    resolved = config(file, *([profile] if profile else []), TWINPATH_MODEL="org/model", **variables)
    built = [service["build"] for service in resolved["services"].values() if "build" in service]
    assert len(built) == (1 if profile else 2)
    for build in built:
        assert build["args"] == {"PYTHON": "mirror/python", "UV_DEFAULT_INDEX": "https://mirror/simple"}
        assert [secret["source"] for secret in build["secrets"]] == ["ca", "netrc"]
    assert resolved["secrets"]["ca"]["file"] == "/etc/ca.pem"
    assert resolved["secrets"]["netrc"]["file"] == "/etc/netrc"


@pytest.mark.parametrize(("file", "profile"), FILES)
def test_only_workers_run_as_root_after_setup(file: str, profile: str | None) -> None:
    users = {name: service.get("user") for name, service in services(file, profile).items()}
    # The images of Grafana and of nginx name an unprivileged user, and vLLM's names none.
    of_image = [name for name, user in users.items() if user is None]
    assert of_image == (["grafana"] if profile else ["door", "grafana", "worker-0", "worker-1"])
    assert "nginx-unprivileged" in services("compose.scale.yaml", None)["door"]["image"]
    assert {user for user in users.values() if user} == {"10001:10001", "65534:65534"}


def test_the_drain_and_the_time_until_the_kill_come_from_the_env_file() -> None:
    variables = {"TWINPATH_SHUTDOWN_GRACE_S": "120", "STOP_GRACE_PERIOD": "130s", "TWINPATH_MODEL": "org/model"}
    for file, profile in FILES:
        for name, service in config(file, *([profile] if profile else []), **variables)["services"].items():
            if name.startswith("service"):
                assert service["environment"]["TWINPATH_SHUTDOWN_GRACE_S"] == "120"
                assert service["stop_grace_period"] == "2m10s"


def test_setup_runs_as_root_and_writes_to_the_repository() -> None:
    for file in ("compose.yaml", "compose.scale.yaml"):
        setup = services(file, "setup")["setup"]
        assert (setup["user"], setup["read_only"], setup["network_mode"]) == ("0:0", True, "none")
        assert (setup["cap_drop"], setup["cap_add"]) == (["ALL"], ["CHOWN", "DAC_OVERRIDE", "FOWNER"])
        assert setup["security_opt"] == ["no-new-privileges:true"]
        assert {Path(mount["source"]) for mount in setup["volumes"]} == {
            DEPLOY / name for name in ("secrets", "prometheus", "grafana", "nginx")
        }
        assert setup["entrypoint"][-1].endswith("twinpath keys init secrets")


@pytest.mark.parametrize(
    ("key", "code", "reason"), [("k3y\n", 0, ""), ("", 2, "is empty"), (None, 2, "cannot be read")]
)
def test_a_worker_without_a_key_does_not_start(key: str | None, code: int, reason: str, tmp_path: Path) -> None:
    entry = services("compose.scale.yaml", None)["worker-0"]["entrypoint"]
    (tmp_path / "vllm").write_text('#!/bin/sh\necho "$VLLM_API_KEY" "$@"\n')
    (tmp_path / "vllm").chmod(0o755)
    if key is not None:
        (tmp_path / "key").write_text(key)
    command = [part.replace("$$", "$").replace("/run/secrets/worker_api_key", f"{tmp_path}/key") for part in entry]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "WORKER_OPTIONS": "--a *"}
    done = subprocess.run([*command, "model"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ("" if code else "k3y serve model --a *\n")
    assert reason in done.stderr


def test_the_gpu_profile_reserves_the_gpus_and_the_cpu_profile_none() -> None:
    gpu = services("compose.yaml", "gpu")
    assert gpu["service"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert "devices" not in json.dumps(services("compose.yaml", "cpu"))
    assert set(gpu) == {"service", "prometheus", "grafana"}


def test_scaled_workers_have_a_gpu_each_and_are_known_to_the_router() -> None:
    scaled = services("compose.scale.yaml", None)
    workers = {name: service for name, service in scaled.items() if name.startswith("worker")}
    devices = [
        service["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for service in workers.values()
    ]
    assert sorted(devices) == [["0"], ["1"]]
    assert [f"http://{name}:8000" for name in sorted(workers)] == scaled["router"]["command"][-2:]


def test_images_serve_the_engine_version_that_is_tested() -> None:
    pinned = re.search(r"^vllm==(.*)$", (ROOT / "requirements/gpu.txt").read_text(), re.MULTILINE)
    assert pinned
    for file in ("docker/service.Dockerfile", "docker/training.Dockerfile", "deploy/compose.scale.yaml"):
        assert set(re.findall(r"vllm/vllm-openai:v([\d.]+)", (ROOT / file).read_text())) == {pinned[1]}


def test_the_router_logs_no_line_for_each_path() -> None:
    assert services("compose.scale.yaml", None)["router"]["environment"]["RUST_LOG"] == "warn"
