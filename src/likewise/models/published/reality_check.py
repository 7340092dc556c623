"""Import of the Reality Check models (Musgrave et al. 2020), which Kobs et al. 2021 compare.

A folder contains ``trunk_best.pth`` (BN-Inception) and ``embedder_best.pth`` (one linear layer).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from likewise.distances import ModelDistance
from likewise.errors import ModelError
from likewise.models.building import build
from likewise.models.published.checkpoint_keys import fill, find_head, find_trunk
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.weights import read_state_dict


@dataclass(frozen=True)
class StudyModel:
    """One of the models that Kobs et al. 2021 compare.

    Attributes:
        name: As printed in the paper.
        year: Year of the loss.
        kind: Kind of the loss.
        distance: For retrieval and comparison; squared and dot product distances rank like these.
        saliency_distance: Differentiated for the published saliency maps; a name of
            ``likewise.explain``'s distances.
        stem: Name of the loss in the folders' names.
        runs: Number of the released run on cars, cub and sop; None if there is none.
    """

    name: str
    year: int | None
    kind: Literal["ranking", "classification", "none"]
    distance: ModelDistance
    saliency_distance: str
    stem: str
    runs: tuple[int | None, int | None, int | None]

    def folder(self, dataset: Literal["cars", "cub", "sop"], fold: int) -> str:
        """The released folder of a fold (0 to 3), for instance below ``experiments/``.

        Raises:
            ModelError: No such run was released.
        """
        run = self.runs[("cars", "cub", "sop").index(dataset)]
        if run is None:
            raise ModelError(
                f"No run of '{self.name}' on {dataset} was released: train it with likewise train."
            )
        return f"{dataset}_{self.stem}{run}_reproduction0/Test50_50_Partitions4_{fold}/saved_models"


REALITY_CHECK_MODELS: tuple[StudyModel, ...] = (
    StudyModel("Contrastive", 2006, "ranking", "euclidean", "euclidean", "contrastive", (46, 41, 21)),
    StudyModel("Triplet", 2006, "ranking", "euclidean", "euclidean", "triplet", (46, 37, 34)),
    StudyModel("NTXent", 2016, "ranking", "cosine", "cosine", "ntxent", (49, 28, 23)),
    StudyModel("ProxyNCA", 2017, "classification", "euclidean", "squared_euclidean", "proxy_nca", (5, 25, 23)),
    StudyModel("Margin", 2017, "ranking", "euclidean", "euclidean", "margin_no_weight_decay", (None, 15, 30)),
    StudyModel(
        "Margin / class", 2017, "ranking", "euclidean", "euclidean",
        "margin_param_per_class_no_weight_decay", (20, 24, 35),
    ),
    StudyModel("Normalized Softmax", 2017, "classification", "cosine", "dot", "normalized_softmax", (45, 15, 47)),
    StudyModel("CosFace", 2018, "classification", "cosine", "cosine", "cosface", (15, 20, 8)),
    StudyModel("ArcFace", 2019, "classification", "cosine", "cosine", "arcface", (49, 36, 49)),
    StudyModel("FastAP", 2019, "ranking", "euclidean", "squared_euclidean", "fastap", (27, 17, 16)),
    StudyModel("SNR Contrastive", 2019, "ranking", "snr", "snr", "snr_contrastive", (33, 5, 29)),
    StudyModel("Multi Similarity", 2019, "ranking", "cosine", "cosine", "multi_similarity", (22, 9, 6)),
    StudyModel(
        "Multi Similarity + Miner", 2019, "ranking", "cosine", "cosine",
        "multi_similarity_with_ms_miner", (38, 45, 36),
    ),
    StudyModel("SoftTriple", 2019, "classification", "cosine", "cosine", "soft_triple", (14, 46, 18)),
    StudyModel("None", None, "none", "euclidean", "euclidean", "untrained", (None, None, None)),
)  # fmt: skip
"""The 14 losses and the untrained reference. Source: Kobs et al. 2021, released code."""


def import_reality_check(folder: Path | str, distance: ModelDistance | None = None) -> SimilarityModel:
    """The model of one released fold: BN-Inception, one linear layer, published preprocessing.

    Args:
        folder: ``saved_models`` of a fold, or the fold's folder above it.
        distance: None reads it off the loss in the folder's name, and is "euclidean" where there is none.

    Raises:
        ModelError: A file is missing, would run code, or contains another network.
    """
    folder = Path(folder)
    if (folder / "saved_models").is_dir():
        folder = folder / "saved_models"
    trunk_file, head_file = _file(folder, "trunk"), _file(folder, "embedder")
    trunk = find_trunk(read_state_dict(trunk_file), str(trunk_file))
    weight, bias = find_head(read_state_dict(head_file), str(head_file))
    model = build(ModelSpec(backbone="bn_inception", dim=len(weight), frozen_batch_norm="statistics"))
    fill(model, trunk, weight, bias)
    studied = study_model(folder)
    model.distance = distance or (studied.distance if studied else "euclidean")
    model.name = studied.name if studied else folder.name
    return model


def untrained_reference(weights: Path | str | None = None, seed: int = 0, dim: int = 128) -> SimilarityModel:
    """The "None" of the study: the ImageNet trunk with a random head.

    Args:
        weights: The released ImageNet file of BN-Inception; None downloads it.
        seed: Seed of the head (the published one was not seeded).
        dim: Size of the embedding.

    Raises:
        ModelError: The file does not fit or cannot be downloaded.
    """
    file = None if weights is None else Path(weights)
    model = build(ModelSpec(backbone="bn_inception", weights=file, pretrained=file is None, dim=dim), seed)
    model.distance, model.name = "euclidean", "None"
    return model


def study_model(folder: Path) -> StudyModel | None:
    """The studied loss that the folders above the files are named after."""
    for part in reversed(folder.absolute().parts):
        match = re.fullmatch(r"(?:cars|cub|sop)[a-z0-9]*_(.+?)\d+(?:_reproduction\d+)?", part)
        if match:
            return next((model for model in REALITY_CHECK_MODELS if model.stem == match.group(1)), None)
    return None


def _file(folder: Path, part: str) -> Path:
    files = sorted(folder.glob(f"{part}_best*.pth")) if folder.is_dir() else []
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise ModelError(
            f"{folder} must hold one file {part}_best.pth, but has {names}: give the folder saved_models of one fold."
        )
    return files[0]
