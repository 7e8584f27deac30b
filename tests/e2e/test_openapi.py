"""Schemathesis against the OpenAPI document of a served application."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.api.api_key import KeyScope
from service.api.api_keys import new_key
from tests.support.engines import lines
from tests.support.served import served

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent


def test_every_response_is_as_documented(tmp_path: Path) -> None:
    key, table = new_key("fuzz", [KeyScope.SOLVE, KeyScope.METRICS], None, None)
    keys = lines(tmp_path / "keys.toml", table)
    with served(tmp_path, "--engine", "fake", "--deadline-s", 2, "--api-keys-file", keys) as url:
        command: list[str | Path] = [Path(sys.executable).with_name("schemathesis")]
        command += ["--config-file", HERE / "schemathesis.toml", "run"]
        command += [f"{url}/openapi.json", "--checks", "all", "--max-examples", "10", "--seed", "1", "--no-color"]
        command += ["--header", f"Authorization: Bearer {key}"]
        environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)}
        run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
        assert "Selected: 13/13" in run.stdout
        assert "Tested: 13" in run.stdout
        assert "Warnings" not in run.stdout, run.stdout[-3000:]
