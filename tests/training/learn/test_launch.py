"""Processes of a training."""

from pathlib import Path

import pytest

from training.learn import launch


def test_a_process_runs_no_module_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("json", "service", "training", "subprocess"):
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the working directory was run')")
    monkeypatch.chdir(folder)
    process = launch._start(0, 1, 1, tmp_path / "run")
    assert process.wait(60) == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1].endswith(f"No such file or directory: '{tmp_path}/run/log/job.json'")
