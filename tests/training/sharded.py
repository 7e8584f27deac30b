"""Trains with FSDP on CPUs, in the processes that torchrun starts: `python -m tests.training.sharded BASE OUT`.

accelerate shards on accelerators alone (`AcceleratorState` never looks at the plugin where the processes are CPUs'),
though torch's `fully_shard` and gloo can. So the one assignment that it leaves out is made here; all else is the
trainer's own way: accelerate prepares the model and the optimizer, clips, gathers and saves.
"""

import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator, DistributedType

from tests.training.test_train import _train


def shard_on_cpus() -> None:
    """Have accelerate take the FSDP plugin that it is given."""
    plain = Accelerator.__init__

    def init(self: Accelerator, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.state.distributed_type, self.state.fsdp_plugin = DistributedType.FSDP, fsdp_plugin

    Accelerator.__init__ = init


if __name__ == "__main__":
    shard_on_cpus()
    _train(Path(sys.argv[1]), Path(sys.argv[2]), batch_tokens=256, accumulation=2, fsdp=True)
