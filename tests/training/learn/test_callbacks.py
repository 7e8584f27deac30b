"""Peak memory of a training, of the GPU or the process."""

import pytest
import torch

from training.learn.callbacks import memory_device, peak_memory_gib


def test_a_gpu_reports_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**29)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert (memory_device(), peak_memory_gib()) == ("NVIDIA H200", 1.5)


def test_a_cpu_reports_the_memory_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert memory_device() == "process"
    assert 0.05 < peak_memory_gib() < 100
