"""What a model runs on."""

from itertools import chain

import torch
from torch import nn

from likewise.arguments import checked
from likewise.errors import ConfigError


@checked
def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The device called ``name``; without one, the first GPU, else the CPU.

    Raises:
        ConfigError: There is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError, OverflowError) as error:
        here = [*(f"cuda:{number}" for number in range(torch.cuda.device_count())), "cpu"]
        raise ConfigError(f"The device {str(name)!r} cannot be used; here are: {', '.join(here)}.") from error
    return device


def device_of(network: nn.Module) -> torch.device:
    """Device of the first weight, or else of the first buffer; the CPU if there are none."""
    # Listing all tensors would take longer than embedding one image with a small network.
    first = next(chain(network.parameters(), network.buffers()), None)
    return torch.device("cpu") if first is None else first.device


_WITH_GRADIENTS = {
    "onnx": "the torch model it was exported from",
    "http": "the model itself in place of its address",
}


def with_gradients(network: nn.Module) -> str:
    """What to use in place of a network without gradients, in words."""
    return _WITH_GRADIENTS.get(native_runtime(network), "a torch model")


def native_runtime(network: nn.Module) -> str:
    """What runs a network itself: "torch", "onnx" for an ONNX file, "http" for a model behind an address."""
    return str(getattr(network, "runtime", "torch"))
