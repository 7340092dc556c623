"""Reference of stored data to a model, valid after both are moved; loading it never runs code."""

import os
import shlex
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import Field

from likewise.arguments import checked
from likewise.errors import ModelError
from likewise.files import is_remote
from likewise.models.external.repository import split_dim, split_output
from likewise.models.kinds import VECTOR_ENDINGS
from likewise.models.saving import ABOUT_FILE
from likewise.validation_errors import Spec

if TYPE_CHECKING:
    from likewise.models.similarity_model import SimilarityModel

# Models that are data. `torch:package.module:function` is code: only who names it in this very command runs it.
_DATA_ONLY = ("likewise:", "timm:", "onnx:", "hf:", "open_clip:", "vectors:")
_WITH_FILE = ("onnx:", "hf:", "vectors:")
_ADDRESS = ("http:", "https:")


class Holder(NamedTuple):
    """What refers to a model, for messages.

    Attributes:
        title: Beginning of a sentence, such as "The index".
        way_out: Advice if the model cannot be loaded.
        trust: Advice if it is code or an address, with ``{}`` for the options that name it.
    """

    title: str
    way_out: str
    trust: str = ""

    def trusted(self, reference: "ModelReference") -> str:
        """How the user says that this model is trusted."""
        return self.trust.format(shlex.join(reference.arguments)) or self.way_out


@checked
class ModelReference(Spec):
    """Reference for loading the model of an index, or of a projection, which lies at a ``uri``."""

    name: str = Field(description="what likewise.load takes; absolute where it is a file or folder")
    relative: str | None = Field(
        default=None, description="the file or folder as seen from the folder of the index"
    )
    weights: str | None = Field(default=None, description="local weights file")
    weights_relative: str | None = Field(default=None, description="as seen from the folder of the index")
    preprocessing: str | None = Field(default=None, description="name or file, where the model does not say")
    preprocessing_relative: str | None = Field(
        default=None, description="as seen from the folder of the index"
    )

    @classmethod
    def to(cls, name: str, uri: str, weights: str | None = None, preprocessing: str | None = None) -> Self:
        """A reference from the index at ``uri`` that survives moving index and model together."""
        kind, written, suffix = _parts(name)
        place = Path(written).expanduser()
        if (
            place / ABOUT_FILE
        ).is_file() and not kind:  # a Run brings its weights and its preprocessing along
            return cls(name=f"{place.absolute()}{suffix}", relative=_way(place, uri))
        if not kind and place.suffix.lower() in VECTOR_ENDINGS and place.is_file():
            kind = "vectors:"
        local = place.exists() if kind else place.is_dir()
        prepared = None if preprocessing is None else Path(preprocessing).expanduser()
        file = prepared is not None and prepared.is_file()
        return cls(
            name=f"{kind}{place.absolute()}{suffix}" if local else name,
            relative=_way(place, uri) if local else None,
            weights=None if weights is None else str(Path(weights).expanduser().absolute()),
            weights_relative=None if weights is None else _way(Path(weights).expanduser(), uri),
            preprocessing=str(prepared.absolute()) if file and prepared is not None else preprocessing,
            preprocessing_relative=_way(prepared, uri) if file and prepared is not None else None,
        )

    @property
    def arguments(self) -> list[str]:
        """The name and the options of a command that name this model."""
        options = {"--weights": self.weights, "--preprocessing": self.preprocessing}
        return [
            self.name,
            *(word for name, value in options.items() if value is not None for word in (name, value)),
        ]

    @property
    def is_data(self) -> bool:
        """Whether the model is loaded by its reference alone; code and addresses must be named by the user."""
        if self.name.startswith(_ADDRESS):
            return False
        return Path(self.name).is_absolute() or self.name.startswith(_DATA_ONLY)

    @property
    def is_vectors(self) -> bool:
        """Whether the model is a file of stored vectors."""
        return self.name.startswith("vectors:")

    def folders(self, uri: str) -> list[Path]:
        """The folders that may be the model's, the one that was moved with the index first."""
        places = _places(_parts(self.name)[1], self.relative, uri)
        return [Path(place) for place in places if Path(place).is_dir()]

    def require_data(self, holder: Holder) -> None:
        """Refuse a model that is code, or an address: only who names it in this very command uses it.

        Raises:
            ModelError: It is one.
        """
        if self.name.startswith(_ADDRESS):
            raise ModelError(
                f"{holder.title} was made with the model behind {self.name}, and stored data sends no images to an "
                f"address by itself: {holder.trusted(self)}."
            )
        if not self.is_data:
            raise ModelError(
                f"{holder.title} was made with the model {self.name!r}, which is code, and stored data never runs "
                f"code: {holder.trusted(self)}."
            )

    def load(
        self, loader: Callable[..., "SimilarityModel"], uri: str, fingerprint: str, holder: Holder
    ) -> "SimilarityModel":
        """The model with this fingerprint; if there is none, the first that can be loaded.

        Args:
            loader: :func:`likewise.load`, which stands above this module.
            uri: Place of what refers to the model.
            fingerprint: Fingerprint of the model.
            holder: Owner of the reference.

        Raises:
            ModelError: It is not there any more, or it is code.
        """
        self.require_data(holder)
        loaded: list[SimilarityModel] = []
        first = None
        for name, weights, preprocessing in self._candidates(uri):
            try:
                model = loader(name, weights, preprocessing=preprocessing)
            except ModelError as error:
                first = first or error
                continue
            if model.fingerprint == fingerprint:
                return model
            loaded.append(model)
        if not loaded:
            raise ModelError(
                f"{holder.title} was made with the model {self.name!r}, which cannot be loaded ({first}) "
                f"{holder.way_out[0].upper()}{holder.way_out[1:]}."
            ) from first
        return loaded[0]

    def _candidates(self, uri: str) -> Iterator[tuple[str, str | None, str | None]]:
        kind, written, suffix = _parts(self.name)
        names = [f"{kind}{place}{suffix}" for place in _places(written, self.relative, uri)]
        weights = [None] if self.weights is None else _places(self.weights, self.weights_relative, uri)
        prepared = (
            [None]
            if self.preprocessing is None
            else _places(self.preprocessing, self.preprocessing_relative, uri)
        )
        yield from product(names, weights, prepared)


def _parts(name: str) -> tuple[str, str, str]:
    """Parts of a name: the kind of a model that is a file, the file or name, and ``#output#dim``."""
    whole, dim = split_dim(name)
    kind = next((kind for kind in _WITH_FILE if whole.startswith(kind)), "")
    written, output = (
        split_output(whole.removeprefix(kind)) if kind in {"", "hf:"} else (whole.removeprefix(kind), None)
    )
    return kind, written, "".join(f"#{part}" for part in (output, dim) if part is not None)


def _places(absolute: str, relative: str | None, uri: str) -> list[str]:
    """Possible current paths: relative to the index, or the original one."""
    if relative is None or is_remote(uri):
        return [absolute]
    near = os.path.normpath(Path(uri).absolute().parent / relative)
    return list(dict.fromkeys([near, absolute] if Path(near).exists() else [absolute]))


def _way(place: Path, uri: str) -> str | None:
    return None if is_remote(uri) else os.path.relpath(place.absolute(), Path(uri).absolute().parent)
