"""Trains with FSDP on CPUs, in the processes that torchrun starts: `python -m tests.training.sharded BASE OUT`.

accelerate shards on accelerators alone (`AcceleratorState` never looks at the plugin where the processes are CPUs'),
though torch's `fully_shard` and gloo can. So the assignment that it leaves out is made here, and the state that is to be saved
is gathered, which torch leaves out on CPUs; all else is the trainer's own way: accelerate prepares the model and the
optimizer, clips and saves.
"""

import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator, DistributedType
from torch.distributed.tensor import DTensor

from tests.training.test_train import _train


def shard_on_cpus() -> None:
    """Have accelerate take the FSDP plugin that it is given."""
    plain, gather = Accelerator.__init__, Accelerator.get_state_dict

    def init(self: Accelerator, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.state.distributed_type, self.state.fsdp_plugin = DistributedType.FSDP, fsdp_plugin

    def get_state_dict(self: Accelerator, model: Any, unwrap: bool = True) -> dict[str, Any]:
        gathered = gather(self, model, unwrap)
        return {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in gathered.items()}

    Accelerator.__init__, Accelerator.get_state_dict = init, get_state_dict


if __name__ == "__main__":
    shard_on_cpus()
    _train(Path(sys.argv[1]), Path(sys.argv[2]), batch_tokens=256, accumulation=2, fsdp=True)
