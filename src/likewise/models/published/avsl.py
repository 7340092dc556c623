"""Import of the checkpoints of *Attributable Visual Similarity Learning* (Zhang et al. 2022).

The released program writes one state dict each for trunk, embedder (the projections) and collector (links,
reliabilities, proxies) into one folder. Which part is which is read off the names of the weights.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from likewise.avsl.head import AVSLHead
from likewise.avsl.measured_links import measure_links
from likewise.avsl.spec import AVSLSpec
from likewise.data import Catalog, CatalogDataset, EvalTransform, Preprocessing, make_loader
from likewise.errors import ModelError
from likewise.models.building import build
from likewise.models.embedder import Embedder, SimilarityNetwork
from likewise.models.published.checkpoint_keys import find_trunk
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.weights import StateDict, load_into, read_state_dict

_SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".safetensors")
_RESNET_MARK = "layer4.2.conv3.weight"
_RESNET = Preprocessing(resize_px=256, crop_px=224)
_BN_INCEPTION = Preprocessing(
    resize_px=256, crop_px=224, channel_order="bgr", value_range=255, mean=(104, 117, 128), std=(1, 1, 1)
)
_BATCH = 32


def import_avsl(
    checkpoint: Path | str,
    links_from: Catalog | None = None,
    *,
    topk: int = 128,
    gamma: float = 10.0,
    batch_size: int = _BATCH,
) -> SimilarityModel:
    """The model in a checkpoint of the released program: ResNet-50 or BN-Inception, three levels, published form.

    Args:
        checkpoint: One file, or the folder with the files of a run (those of its best epoch, if it has any).
        links_from: Images to measure the links on, prepared as for evaluation. Required if the checkpoint has no
            links; otherwise the measured links replace them.
        topk: Links per node, which no file stores. Published: 128.
        gamma: Steepness of the reliability, which no file stores. Published: 10.
        batch_size: Images per forward pass of the measurement.

    Raises:
        ModelError: A file would run code, a part is missing or of another form, or there are no links and no catalog
            to measure them on.
    """
    path = Path(checkpoint)
    state = _state(path)
    projections = _numbered(state, r"conv1x1_(\d+)\.weight")
    if len(projections) < 2:
        raise ModelError(
            f"{path} contains no AVSL embedder: its projections, conv1x1_0, conv1x1_1 and so on, are missing. Give the "
            "folder with the files of trunk, embedder and collector."
        )
    levels = range(len(projections))
    dim = len(state[projections[0]])
    links = [state.get(key) for key in _names(state, [f"link_{low}to{low + 1}" for low in levels[:-1]])]
    measured = [link for link in links if link is not None and bool(link.any())]
    if len(measured) < len(links) and links_from is None:
        raise ModelError(
            f"{path} has no links between the levels: give images to measure them on, --links-from CATALOG (best those "
            "it was trained with)."
        )
    settings = AVSLSpec(
        levels=tuple(range(-len(projections), 0)) if _is_resnet(state) else _inception_levels(len(projections)),
        dim=dim, topk=min(topk, dim), gamma=gamma, certainty="published",
    )  # fmt: skip
    model = _build(state, settings, path)
    head = cast(AVSLHead, cast(Embedder, model.network.embedder).head)
    _fill(head, state, projections, path)
    if len(measured) == len(links):
        head.links.set(torch.stack([link.float() for link in measured]), torch.ones(len(measured)))
    if links_from is not None:
        measure_links(cast(SimilarityNetwork, model.network), _pixels(model, links_from, batch_size))
    model.name = path.stem
    return model


def _state(path: Path) -> StateDict:
    """All weights of the file or folder; the best epoch's where the folder has them."""
    if not path.is_dir():
        return read_state_dict(path)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
    files = [file for file in files if "best" in file.name] or files
    if not files:
        raise ModelError(
            f"{path} contains no weights files: give the folder with those of trunk, embedder and collector."
        )
    state: StateDict = {}
    for file in files:
        for key, value in read_state_dict(file).items():
            if key in state and not torch.equal(state[key], value):
                raise ModelError(
                    f"{path} contains '{key}' twice with different values, also in {file.name}: leave the files of one "
                    "epoch in the folder."
                )
            state[key] = value
    return state


def _numbered(state: StateDict, pattern: str) -> list[str]:
    """Keys that end in a numbered name, by number; they must be complete from 0 on."""
    by_number = {int(match[1]): key for key in state if (match := re.search(rf"(?:^|\.){pattern}$", key))}
    return [by_number[number] for number in range(len(by_number)) if number in by_number]


def _names(state: StateDict, names: list[str]) -> list[str]:
    """The full keys of some names; the name itself if it is missing."""
    ends = {key.rsplit(".", 1)[-1]: key for key in state}
    return [ends.get(name, name) for name in names]


def _is_resnet(state: StateDict) -> bool:
    return any(key.endswith(_RESNET_MARK) for key in state)


def _inception_levels(count: int) -> tuple[str, ...]:
    return ("4b", "4e", "5b")[-count:]


def _build(state: StateDict, settings: AVSLSpec, path: Path) -> SimilarityModel:
    resnet = _is_resnet(state)
    model = build(
        ModelSpec(
            backbone="resnet50.tv_in1k" if resnet else "bn_inception",
            head="avsl",
            avsl=settings,
            frozen_batch_norm="all",
            preprocessing=_RESNET if resnet else _BN_INCEPTION,
        )
    )
    trunk = _resnet_trunk(state) if resnet else find_trunk(state, str(path))
    load_into(cast(Embedder, model.network.embedder).backbone.network, trunk, str(path))
    return model


def _resnet_trunk(state: StateDict) -> StateDict:
    key = next(key for key in state if key.endswith(_RESNET_MARK))
    prefix = key.removesuffix(_RESNET_MARK)
    parts = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
    trunk = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {key: value for key, value in trunk.items() if key.startswith(parts)}


def _fill(head: AVSLHead, state: StateDict, projections: list[str], path: Path) -> None:
    targets: list[tuple[Tensor, str]] = []
    for level, key in enumerate(projections):
        convolution = cast(nn.Conv2d, head.projections[level])
        targets += [
            (convolution.weight, key),
            (cast(Tensor, convolution.bias), key.replace(".weight", ".bias")),
        ]
    for step in range(len(projections) - 1):
        names = _names(state, [f"prob_coef_{step + 1}", f"prob_bias_{step + 1}"])
        targets += [(head.reliability.coef[step], names[0]), (head.reliability.bias[step], names[1])]
    with torch.no_grad():
        for target, key in targets:
            if key not in state:
                raise ModelError(
                    f"{path} is not complete: '{key}' is missing. Give the folder with the files of trunk, embedder "
                    "and collector."
                )
            if state[key].shape != target.shape:
                raise ModelError(
                    f"{path}: '{key}' has the shape {list(state[key].shape)} instead of {list(target.shape)}: it "
                    "belongs to another network."
                )
            target.copy_(state[key])


def _pixels(model: SimilarityModel, catalog: Catalog, batch_size: int) -> Iterator[Tensor]:
    dataset = CatalogDataset(catalog, EvalTransform(model.preprocessing))
    batches = [
        list(range(start, min(start + batch_size, len(catalog))))
        for start in range(0, len(catalog), batch_size)
    ]
    for batch in make_loader(dataset, batch_sampler=batches):  # type: ignore[arg-type]
        if len(batch):
            yield batch.images
