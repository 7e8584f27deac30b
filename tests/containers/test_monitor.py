"""Quicker copies of Prometheus's configuration."""

import shutil
from pathlib import Path

import yaml

from tests.containers.monitor import hasten
from tests.containers.project import ROOT


def test_only_times_change(tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "deploy/prometheus", tmp_path / "prometheus")
    hasten(copy)
    shipped, hastened = (
        yaml.safe_load((folder / "rules/alerts.yaml").read_text()) for folder in (ROOT / "deploy/prometheus", copy)
    )
    rules = [rule for group in hastened["groups"] for rule in group["rules"]]
    assert {rule.pop("for") for rule in rules} == {"1s"}
    expected = [rule for group in shipped["groups"] for rule in group["rules"]]
    assert rules == [{name: value for name, value in rule.items() if name != "for"} for rule in expected]
    settings = yaml.safe_load((copy / "prometheus.yml").read_text())
    assert settings["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s"}
