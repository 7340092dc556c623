"""Reference of an index to its model, valid after both are moved; loading it never runs code."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Self

from pydantic import Field

from likewise.arguments import checked
from likewise.errors import ModelError
from likewise.models import SimilarityModel, load
from likewise.models.external.repository import split_output
from likewise.models.saving import ABOUT_FILE
from likewise.retrieval.index.store_view import is_remote
from likewise.validation_errors import Spec

# Models that are data. `torch:package.module:function` is code: only who names it in this very command runs it.
_DATA_ONLY = ("likewise:", "timm:", "onnx:", "hf:", "open_clip:", "vectors:")
_WITH_FILE = ("onnx:", "hf:", "vectors:")
_ADDRESS = ("http:", "https:")


@checked
class ModelReference(Spec):
    """Reference for loading the model."""

    name: str = Field(description="what likewise.load takes; absolute where it is a file or folder")
    relative: str | None = Field(
        default=None, description="the file or folder as seen from the index's folder"
    )
    weights: str | None = Field(default=None, description="local weights file")
    weights_relative: str | None = Field(default=None, description="as seen from the index's folder")
    preprocessing: str | None = Field(default=None, description="name or file, where the model does not say")
    preprocessing_relative: str | None = Field(default=None, description="as seen from the index's folder")

    @classmethod
    def to(cls, name: str, uri: str, weights: str | None = None, preprocessing: str | None = None) -> Self:
        """A reference from the index at ``uri`` that survives moving index and model together."""
        kind, written, output = _parts(name)
        place = Path(written).expanduser()
        if (
            place / ABOUT_FILE
        ).is_file() and not kind:  # a Run brings its weights and its preprocessing along
            return cls(name=str(place.absolute()), relative=_way(place, uri))
        local = place.exists() if kind else place.is_dir()
        prepared = None if preprocessing is None else Path(preprocessing).expanduser()
        file = prepared is not None and prepared.is_file()
        return cls(
            name=f"{kind}{place.absolute()}{output}" if local else name,
            relative=_way(place, uri) if local else None,
            weights=None if weights is None else str(Path(weights).expanduser().absolute()),
            weights_relative=None if weights is None else _way(Path(weights).expanduser(), uri),
            preprocessing=str(prepared.absolute()) if file and prepared is not None else preprocessing,
            preprocessing_relative=_way(prepared, uri) if file and prepared is not None else None,
        )

    def folders(self, uri: str) -> list[Path]:
        """The folders that may be the model's, the one that was moved with the index first."""
        places = _places(_parts(self.name)[1], self.relative, uri)
        return [Path(place) for place in places if Path(place).is_dir()]

    def load(self, uri: str, fingerprint: str, device: str | None = None) -> SimilarityModel:
        """The model with this fingerprint; if there is none, the first that can be loaded.

        Raises:
            ModelError: It is not there any more, or it is code.
        """
        if self.name.startswith(_ADDRESS):
            raise ModelError(
                f"The index was made with the model behind {self.name}, and an index sends no images to an address by "
                "itself: name the model with --model, or as Index.open(path, model=...)."
            )
        if not Path(self.name).is_absolute() and not self.name.startswith(_DATA_ONLY):
            raise ModelError(
                f"The index was made with the model {self.name!r}, which is code, and an index never runs code: name "
                "the model with --model, or as Index.open(path, model=...)."
            )
        loaded, first = list[SimilarityModel](), None
        for name, weights, preprocessing in self._candidates(uri):
            try:
                model = load(name, weights, device, preprocessing=preprocessing)
            except ModelError as error:
                first = first or error
                continue
            if model.fingerprint == fingerprint:
                return model
            loaded.append(model)
        if not loaded:
            raise ModelError(
                f"The index was made with the model {self.name!r}, which cannot be loaded ({first}) Name it with "
                "--model, or as Index.open(path, model=...)."
            ) from first
        return loaded[0]

    def _candidates(self, uri: str) -> Iterator[tuple[str, str | None, str | None]]:
        kind, written, output = _parts(self.name)
        names = [f"{kind}{place}{output}" for place in _places(written, self.relative, uri)]
        weights = [None] if self.weights is None else _places(self.weights, self.weights_relative, uri)
        prepared = (
            [None]
            if self.preprocessing is None
            else _places(self.preprocessing, self.preprocessing_relative, uri)
        )
        yield from product(names, weights, prepared)


def _parts(name: str) -> tuple[str, str, str]:
    """Parts of a name: the kind of a model that is a file, the file or name, and ``#output``."""
    kind = next((kind for kind in _WITH_FILE if name.startswith(kind)), "")
    written, output = (
        split_output(name.removeprefix(kind)) if kind in {"", "hf:"} else (name.removeprefix(kind), None)
    )
    return kind, written, "" if output is None else f"#{output}"


def _places(absolute: str, relative: str | None, uri: str) -> list[str]:
    """Possible current paths: relative to the index, or the original one."""
    if relative is None or is_remote(uri):
        return [absolute]
    near = os.path.normpath(Path(uri).absolute().parent / relative)
    return list(dict.fromkeys([near, absolute] if Path(near).exists() else [absolute]))


def _way(place: Path, uri: str) -> str | None:
    return None if is_remote(uri) else os.path.relpath(place.absolute(), Path(uri).absolute().parent)
