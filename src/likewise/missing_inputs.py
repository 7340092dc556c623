"""Refuse an index, a catalog or a model that is not there: without heavy imports, so that commands do it at once."""

import shlex
from pathlib import Path

from likewise.errors import CatalogError, InputError, ModelError, choices
from likewise.files import is_remote, near_file

_VECTOR_ENDINGS = (".npz", ".npy", ".parquet")


def require_index(uri: str) -> None:
    """Refuse an index whose folder does not exist; addresses are not looked up.

    Raises:
        InputError: There is none.
    """
    if not is_remote(uri) and not Path(uri).is_dir():
        make = f"likewise index build MODEL CATALOG --out {shlex.quote(uri)}"
        raise InputError(f"There is no index at {uri}: {near_file(Path(uri), f'make one with  {make}')}")


def require_catalog_path(path: Path) -> None:
    """Refuse a catalog that does not exist.

    Raises:
        CatalogError: There is none.
    """
    if not path.exists():
        hint = near_file(path, "correct the path, or make it with  likewise data prepare.")
        raise CatalogError(f"There is no catalog {path}: {hint}")


def require_onnx_file(path: Path) -> None:
    """Refuse an ONNX file that does not exist.

    Raises:
        ModelError: There is none.
    """
    if not path.is_file():
        raise ModelError(f"There is no ONNX file {path}: check the path.")


def require_vectors_file(path: Path) -> None:
    """Refuse a file of vectors that does not exist.

    Raises:
        ModelError: There is none.
    """
    if not path.is_file():
        raise ModelError(f"There is no file {path} with vectors: check the path.")


def require_model_path(name: str) -> None:
    """Refuse a model that is a file or a folder and does not exist. Other names are not looked up.

    Raises:
        ModelError: There is none.
    """
    text = name.partition("#")[0]
    if any(Path(each).expanduser().exists() for each in (name, text)):
        return
    kind, colon, rest = text.partition(":")
    if colon and rest and "/" not in kind:
        if kind == "onnx":
            require_onnx_file(Path(rest).expanduser())
        if kind == "vectors" and Path(rest).suffix.lower() in _VECTOR_ENDINGS:
            require_vectors_file(Path(rest).expanduser())
    elif not colon:
        raise ModelError(missing_model(name))


def missing_model(text: str) -> str:
    """What a name can mean that is neither the folder of a model nor has a kind before a colon."""
    is_word = "/" not in text and Path(text).suffix.lower() not in (*_VECTOR_ENDINGS, ".onnx")
    if is_word and _is_backbone(text):
        return f"There is no folder '{text}'; for the backbone of that name write 'timm:{text}'."
    if text.endswith(".onnx"):
        return f"'{text}' is not a folder; for an ONNX file write 'onnx:{text}'."
    parent = Path(text).expanduser().parent
    folders = [str(path) for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    near = choices(text, folders)
    if not near.startswith("did you mean"):
        near = (
            "give a Run's folder, likewise:small, timm:NAME, torch:package.module:function, onnx:FILE, "
            "hf:org/name, open_clip:ARCH/TAG or the folder of such a model."
        )
    return f"There is no model '{text}': {near}"


def _is_backbone(text: str) -> bool:
    if text == "bn_inception":
        return True
    import timm  # takes two seconds to load: only where a network of it may be wanted

    return bool(timm.is_model(text))
