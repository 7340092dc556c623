"""Frozen batch normalisation: layers that keep their statistics, whatever mode a trainer sets."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from likewise.arguments import checked
from likewise.models.spec import FrozenBatchNorm


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """All batch normalisation layers of ``network``, timm's own kinds included."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


@checked
def freeze(network: nn.Module, how: FrozenBatchNorm) -> None:
    """Freeze the batch normalisation of ``network``.

    Args:
        network: Module that contains the layers.
        how: "statistics" normalises with the stored mean and variance and never updates them, scale and
            shift still learn (Kobs & Hotho 2022, released code); "all" fixes scale and shift as well
            (Zhang et al. 2022, released code); "none" changes nothing.
    """
    if how == "none":
        return
    keep_statistics(network)
    if how == "all":
        for layer in batch_norms(network):
            layer.requires_grad_(False)


def keep_statistics(network: nn.Module) -> None:
    """Put every batch normalisation layer into eval mode."""
    for layer in batch_norms(network):
        layer.train(False)
