"""The kinds of models that :func:`likewise.load` takes: how their names are written, and what they need."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of model.

    Attributes:
        form: Form of a name.
        description: Short description.
        extra: The extra of likewise that it needs; "" for none.
    """

    form: str
    description: str
    extra: str = ""


VECTOR_ENDINGS = (".npz", ".npy", ".parquet")
"""Endings of files of vectors, whose names need no ``vectors:`` before them."""

KINDS: dict[str, Kind] = {
    "folder": Kind("DIR", "a Run, or what SimilarityModel.save wrote"),
    "likewise": Kind("likewise:small", "the network that ships with likewise"),
    "timm": Kind("timm:NAME", "a timm backbone"),
    "hf": Kind(
        "hf:ORG/NAME",
        "transformers, OpenCLIP, sentence-transformers or timm, from the hub",
        "hub",
    ),
    "foreign folder": Kind("DIR", "a folder written by one of these libraries", "hub"),
    "open_clip": Kind("open_clip:ARCH/TAG", "an OpenCLIP model", "hub"),
    "onnx": Kind("onnx:FILE", "an ONNX network", "onnx"),
    "torch": Kind("torch:package.module:function", "the torch module returned by your function"),
    "http": Kind("http://HOST/embed", "a model behind an address"),
    "https": Kind("https://HOST/embed", "a model behind an address"),
    "vectors": Kind("vectors:FILE", "vectors of stored images, without a network"),
}
"""By their prefix; folders have none."""
