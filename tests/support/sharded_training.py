"""Training with FSDP on CPUs, in the processes of torchrun: `python -m tests.support.sharded_training BASE OUT`.

accelerate shards only on accelerators, though torch's `fully_shard` and gloo support CPUs. The missing assignment is made
here, and the saved state is gathered, which torch leaves out on CPUs.
"""

import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator, DistributedType
from torch.distributed.tensor import DTensor

from tests.support.training_runs import train_tiny


def shard_on_cpus() -> None:
    """Make accelerate use its FSDP plugin on CPUs."""
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
    train_tiny(Path(sys.argv[1]), Path(sys.argv[2]), batch_tokens=256, accumulation=2, fsdp=True)
