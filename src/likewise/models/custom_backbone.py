"""Backbones of users: their own torch module instead of a timm network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.data.preprocessing import Preprocessing
from likewise.errors import ConfigError, LikewiseError, ModelError
from likewise.extensions import Registry, is_reference, what_happened
from likewise.models.backbone import Backbone
from likewise.models.evaluating import evaluating
from likewise.models.external.preprocessing_choice import module_preprocessing, require_preprocessing

_OTHER_KINDS = ("likewise:", "timm:", "hf:", "hf-hub:", "hf_hub:")


class ModuleBackbone(Backbone):
    """A module of the user's that turns normalised images ``(B, 3, H, W)`` into maps ``(B, C, h, w)``.

    Vectors ``(B, C)`` are taken as maps of one location. There are no levels, so it cannot carry an AVSL head; a class
    derived from :class:`Backbone` can.

    Args:
        name: The requested name.
        module: The network. An attribute ``preprocessing`` (a Preprocessing, or a dictionary of its values) describes
            its input.
        size_px: Side of the input images; None is what ``preprocessing`` says.

    Raises:
        ModelError: Its input is not described, it fails, or it gives something else than maps.
    """

    def __init__(self, name: str, module: nn.Module, *, size_px: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.network = module
        self.described = module_preprocessing(module, name)
        side = size_px or (self.described.crop_px if self.described is not None else 224)
        with evaluating(module), torch.no_grad():
            shape = self.forward(torch.zeros(1, 3, side, side)).shape
        self.num_features = self.native_dim = int(shape[1])
        self.levels = ()

    @property
    def preprocessing(self) -> Preprocessing:  # type: ignore[override]
        """The module's description of its input.

        Raises:
            ModelError: It says nothing.
        """
        return require_preprocessing(f"model.backbone={self.name}", None, self.described)

    def forward(self, inputs: Tensor) -> Tensor:
        """The map, ``(B, num_features, h, w)``."""
        self._hold_statistics()
        try:
            features = self.network(inputs)
        except LikewiseError:
            raise
        except Exception as error:  # code of the user's may raise anything
            raise ModelError(
                f"The backbone '{self.name}' failed on images {tuple(inputs.shape)}: {what_happened(error)}"
            ) from error
        if isinstance(features, Tensor) and features.dim() == 2:
            return features[:, :, None, None]
        if not isinstance(features, Tensor) or features.dim() != 4:
            shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ModelError(
                f"The backbone '{self.name}' must give maps (B, C, h, w) or vectors (B, C), but gave {shape}."
            )
        return features

    def native_features(self, inputs: Tensor) -> Tensor:
        """The mean of the map, ``(B, C)``."""
        mean: Tensor = self(inputs).mean((2, 3))
        return mean


def _adapted(name: str, thing: Any) -> Callable[[], nn.Module]:
    if not callable(thing):
        raise ConfigError(
            f"The backbone '{name}' is a {type(thing).__name__}: it must be a torch module class, or a function that "
            "returns a torch module."
        )
    return thing  # type: ignore[no-any-return]


BACKBONES: Registry[Callable[[], nn.Module]] = Registry("backbone", "model.backbone=", {}, _adapted)


@checked
def register_backbone(name: str, make: Callable[[], nn.Module]) -> None:
    """Make a backbone of your own known by a name, in this process.

    Args:
        name: For ``model.backbone``.
        make: Returns the network when called without arguments: a torch module (see :class:`ModuleBackbone`) or a
            :class:`Backbone`.

    Raises:
        ConfigError: The name cannot be one, or ``make`` cannot be called.
    """
    BACKBONES.register(name, make)


def is_custom(name: str) -> bool:
    """Whether the name means a user's backbone."""
    return not name.startswith(_OTHER_KINDS) and (is_reference(name) or name in BACKBONES.names())


def create_custom(name: str, *, size_px: int | None = None) -> Backbone:
    """The user's backbone of that name.

    Raises:
        ConfigError: Its code is not trusted or cannot be imported.
        ModelError: It cannot be built, or is not a torch module.
    """
    make = BACKBONES.get(name)
    try:
        module = make()
    except LikewiseError:
        raise
    except Exception as error:  # code of the user's may raise anything
        raise ModelError(
            f"The backbone '{name}' cannot be built without arguments: {what_happened(error)}"
        ) from error
    if isinstance(module, Backbone):
        return module
    if not isinstance(module, nn.Module):
        raise ModelError(f"The backbone '{name}' is a {type(module).__name__}: it must be a torch.nn.Module.")
    return ModuleBackbone(name, module, size_px=size_px)
