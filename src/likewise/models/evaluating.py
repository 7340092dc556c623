"""A network in evaluation, also while several threads use it at once.

Whoever runs a network says so with :func:`evaluating`. The first to come switches it to evaluation and remembers
how it was; the last to go puts it back, module by module. In between nobody switches anything, so that a thread that
is done cannot turn dropout or batch statistics on under the feet of another.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import nn


@dataclass
class _Use:
    """Who uses one network now, and how its modules and weights were before."""

    users: int = 0
    training: list[nn.Module] = field(default_factory=list)
    freezers: int = 0
    learning: list[nn.Parameter] = field(default_factory=list)


_lock = threading.RLock()
_uses: "weakref.WeakKeyDictionary[nn.Module, _Use]" = weakref.WeakKeyDictionary()


@contextmanager
def evaluating(network: nn.Module, *, frozen: bool = False) -> Iterator[None]:
    """``network`` in evaluation; afterwards every module is as it was.

    Args:
        network: What is run inside the block.
        frozen: Also without gradients of its weights, for those who differentiate by the pixels.
    """
    with _lock:
        use = _uses.setdefault(network, _Use())
        if use.users == 0:
            use.training = [module for module in network.modules() if module.training]
            network.eval()
        if frozen and use.freezers == 0:
            use.learning = [weight for weight in network.parameters() if weight.requires_grad]
            for weight in use.learning:
                weight.requires_grad_(False)
        use.users += 1
        use.freezers += frozen
    try:
        yield
    finally:
        with _lock:
            use.users -= 1
            use.freezers -= frozen
            if frozen and use.freezers == 0:
                for weight in use.learning:
                    weight.requires_grad_(True)
            if use.users == 0:
                for module in use.training:
                    module.training = True
