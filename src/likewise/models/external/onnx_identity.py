"""Identity of an ONNX model: the content of its file and of its external weights files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from likewise.errors import MissingExtraError, ModelError
from likewise.files import content_digest, digest


def identity(path: Path) -> str:
    """A digest of the graph and all weights, also those in files beside it.

    Raises:
        ModelError: A file with weights is missing, or is outside the folder.
        MissingExtraError: Weights are in other files, and the package onnx, which finds them, is not installed.
    """
    files = weight_files(path)
    return digest(
        path.read_bytes(), *(part for name in files for part in (name, content_digest(path.parent / name)))
    )


def weight_files(path: Path) -> list[str]:
    """Names, relative to the folder of ``path``, of the files that hold weights of this model.

    Raises:
        ModelError: See :func:`identity`.
        MissingExtraError: See :func:`identity`.
    """
    if b"location" not in path.read_bytes():  # the key under which a tensor names its file
        return []
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(f"{path}, whose weights may be in other files,", "onnx") from error
    model = onnx.load(str(path), load_external_data=False)
    names = sorted(
        {
            entry.value
            for tensor in _tensors(model)
            for entry in tensor.external_data
            if entry.key == "location"
        }
    )
    folder = path.parent.resolve()
    for name in names:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder):
            raise ModelError(f"{path} names weights outside its folder ({name}): export the model again.")
        if not file.is_file():
            raise ModelError(
                f"{path} has its weights in {name}, which is not there: copy both files together."
            )
    return names


def _tensors(message: Any) -> Iterator[Any]:
    """All tensors of a model: initialisers, attributes, subgraphs, functions."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if field.is_repeated else [value]:
            if part.DESCRIPTOR.name == "TensorProto":
                yield part
            else:
                yield from _tensors(part)
