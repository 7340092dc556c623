"""``hf:org/name`` and folders of other libraries: which library a model belongs to, seen by the files it has."""

from pathlib import Path

from likewise.data.preprocessing import Preprocessing
from likewise.errors import LikewiseError, ModelError
from likewise.extensions import what_happened
from likewise.models.external.matryoshka import prefix_sizes
from likewise.models.external.open_clip_model import CONFIG as OPEN_CLIP
from likewise.models.external.open_clip_model import load_open_clip_repository
from likewise.models.external.repository import Repository
from likewise.models.external.sentence_transformers_model import MODULES, load_sentence_transformers
from likewise.models.external.timm_folder import load_timm_repository
from likewise.models.external.transformers_model import load_transformers
from likewise.models.similarity_model import SimilarityModel

_MARKS = (OPEN_CLIP, MODULES, "config.json")


def load_hub(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The image model ``org/name`` of the hub, from its cache or the network; ``name#output`` chooses the output.

    timm models become backbones that can be saved and trained further; of models with text the image tower is taken,
    and the text tower is stored beside it.

    Raises:
        ModelError: There is no such model, it is of another kind, or the hub cannot be reached.
        MissingExtraError: Its library is not installed.
    """
    if weights is not None:
        raise ModelError(
            f"'hf:{name}' brings its weights: leave weights out, or load the backbone as timm:NAME."
        )
    return _load(Repository.of(name, f"hf:{name}"), preprocessing)


def load_foreign_folder(name: str, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The model in a folder that another library wrote.

    Raises:
        ModelError: It is damaged or of another kind.
        MissingExtraError: Its library is not installed.
    """
    return _load(Repository.of(name, name), preprocessing)


def is_foreign_folder(folder: Path) -> bool:
    """Whether a folder was written by another library: those of likewise have ``model.json``."""
    return any((folder / name).is_file() for name in _MARKS) and not (folder / "model.json").is_file()


def _load(repository: Repository, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The model, by the library it belongs to."""
    try:
        model = _of_its_library(repository, preprocessing)
        model.prefix_sizes = prefix_sizes(repository)
        return model
    except (LikewiseError, MemoryError):
        raise
    except Exception as error:  # descriptions may hold anything, and libraries raise anything for it
        raise ModelError(
            f"{repository.title} cannot be loaded; a value in its files is wrong ({what_happened(error)[:-1]}): get "
            "them again."
        ) from error


def _of_its_library(repository: Repository, preprocessing: Preprocessing | None) -> SimilarityModel:
    if repository.file(OPEN_CLIP) is not None:
        return load_open_clip_repository(repository, preprocessing)
    if repository.file(MODULES) is not None:
        return load_sentence_transformers(repository, preprocessing)
    config = repository.json("config.json")
    if config is None:
        if not repository.local:
            raise repository.unreachable(
                FileNotFoundError("it has no config.json, or the hub does not answer")
            )
        raise ModelError(f"{repository.title} has none of {', '.join(_MARKS)}: give the folder of a model.")
    if "architecture" in config:
        return load_timm_repository(repository, preprocessing)
    return load_transformers(repository, preprocessing)
