"""Predicting object masks with the salient-object networks that rembg offers, or with an ONNX file.

rembg downloads and verifies its models; images and masks are processed exactly as rembg
does it (tested against rembg), but in batches and without its per-image checks in between.

Source: rembg 2.0 (behaviour of its U²-Net and IS-Net sessions), Qin et al., U²-Net, 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.arguments import cores
from likewise.errors import MissingExtraError, ModelError, choices
from likewise.files import digest
from likewise.onnx_sessions import open_session, run_file
from likewise.torch_settings import threads_stay

REMBG_MODELS = ("u2net", "u2netp", "silueta", "isnet-general-use", "isnet-anime", "u2net_human_seg")
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ISNET = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
_ISNET_SIDE_PX = 1024


@dataclass(frozen=True)
class PredictedMask:
    """A soft mask of one image.

    Attributes:
        mask: "L", the size of the image, 255 = object; None if the output of the network is constant.
        constant: True when its output was the same everywhere, so that it cannot be stretched to 0..255
            (rembg divides by zero there).
    """

    mask: Image.Image | None
    constant: bool


class MaskModel:
    """A network that marks the salient object. Make one with :meth:`open`.

    Attributes:
        name: Name it was opened with.
        side_px: The network sees squares of this side.
        runtime: Its runtime: "onnx" (ONNX Runtime) or "openvino".
    """

    def __init__(self, name: str, file: Path, threads: int = 0, runtime: str = "onnx") -> None:
        """Open an ONNX file; use :meth:`open`."""
        self.name, self.runtime, self._file, self._threads = name, runtime, file, threads
        threads = threads or cores()
        session = _session(file, threads)
        self._network = run_file(file, runtime, threads, session=session)
        shape = session.get_inputs()[0].shape
        self._batch = shape[0] if isinstance(shape[0], int) else None
        self.side_px = shape[-1] if isinstance(shape[-1], int) else 320
        isnet = self.side_px == _ISNET_SIDE_PX
        self._mean, self._std = (np.array(v, np.float32) for v in (_ISNET if isnet else _IMAGENET))

    @classmethod
    def open(cls, name: str | Path, *, threads: int = 0) -> "MaskModel":
        """Open a model of rembg by name, or an ONNX file.

        A file is used as it is, without rembg and without the network; inputs of 1024 pixels are prepared
        as for IS-Net, all others as for U²-Net. A name is downloaded by rembg on first use.

        Args:
            name: One of `REMBG_MODELS`, or a path ending in ``.onnx``.
            threads: Threads that compute; 0 for as many as there are cores.

        Raises:
            ModelError: No such model or file, or a file that is not a mask network.
            MissingExtraError: onnxruntime or rembg is not installed.
        """
        text = str(name)
        if text.endswith(".onnx"):
            file = Path(text).expanduser()
            if not file.is_file():
                raise ModelError(
                    f"There is no file {file}: give the path of a mask model, or a name of rembg."
                )
            return cls(text, file, threads)
        if text not in REMBG_MODELS:
            raise ModelError(f"There is no mask model {text!r}: {choices(text, REMBG_MODELS)}")
        return cls(text, _downloaded(text), threads)

    def __reduce__(self) -> tuple[Any, ...]:
        # Sessions cannot be sent to worker processes; each opens the file itself.
        return MaskModel, (self.name, self._file, self._threads, self.runtime)

    def on(self, runtime: str) -> "MaskModel":
        """The same model, run by "onnx" or "openvino".

        Raises:
            MissingExtraError: OpenVINO is not installed.
            ModelError: OpenVINO cannot run the network.
        """
        return MaskModel(self.name, self._file, self._threads, runtime)

    @property
    def fingerprint(self) -> str:
        """A digest of the network's file."""
        return digest(self._file.read_bytes())

    def predict(self, pictures: Sequence[Image.Image]) -> list[PredictedMask]:
        """Soft masks of RGB images, in order; memory grows with the batch."""
        if not pictures:
            return []
        inputs = np.stack([self.prepare(picture) for picture in pictures])
        outputs = self.run(inputs)
        return [finish(o, picture.size) for o, picture in zip(outputs, pictures, strict=True)]

    def prepare(self, picture: Image.Image) -> NDArray[np.float32]:
        """Network input (3, side, side): Lanczos, divided by the image maximum, then normalised."""
        square = picture.resize((self.side_px, self.side_px), Image.Resampling.LANCZOS)
        values = np.asarray(square, dtype=np.float32)
        values = values / max(float(values.max()), 1e-6)
        return np.ascontiguousarray(((values - self._mean) / self._std).transpose(2, 0, 1))

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """First output of the network for prepared inputs (N, 3, side, side): (N, side, side)."""
        size = self._batch or len(inputs)
        parts = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            short = size - len(part)
            padded = np.concatenate([part, np.repeat(part[-1:], short, 0)]) if short else part
            parts.append(self._network(padded)[: len(part)])
        stacked = np.concatenate(parts)
        if stacked.ndim != 4 or stacked.shape[1] != 1:
            raise ModelError(
                f"The first output of {self.name} has the shape {stacked.shape}: a mask model gives (N, 1, h, w)."
            )
        masks: NDArray[np.float32] = stacked[:, 0]
        return masks


def finish(output: NDArray[np.float32], size: tuple[int, int]) -> PredictedMask:
    """Stretch an output (h, w) to 0..255 and resize it to ``size`` (width, height), as rembg does."""
    low, high = float(output.min()), float(output.max())
    if not np.isfinite([low, high]).all() or high - low <= 1e-6:
        return PredictedMask(None, constant=True)
    stretched = (output - output.min()) / (output.max() - output.min())
    small = Image.fromarray((stretched * 255).astype(np.uint8))
    return PredictedMask(small.resize(size, Image.Resampling.LANCZOS), constant=False)


def _session(file: Path, threads: int) -> Any:
    try:
        session = open_session(file, threads, purpose="Making masks", extra="masks")
    except ModelError as error:
        raise ModelError(f"{file} cannot be read as an ONNX network: get the file again.") from error
    shape = session.get_inputs()[0].shape
    if len(session.get_inputs()) != 1 or len(shape) != 4 or shape[1] != 3:
        raise ModelError(f"{file} takes {shape}, not images (N, 3, h, w): it is not a mask model.")
    return session


def _downloaded(name: str) -> Path:
    try:
        with threads_stay():
            from rembg.sessions import sessions_class
    except (ImportError, SystemExit) as error:  # rembg ends the process when onnxruntime is missing
        raise MissingExtraError(f"The mask model {name!r}", "masks") from error
    session = next(kind for kind in sessions_class if kind.name() == name)
    try:
        return Path(session.download_models())
    except Exception as error:  # any of several network libraries' errors
        folder = session.model_dir() if hasattr(session, "model_dir") else session.u2net_home()
        raise ModelError(
            f"The mask model {name!r} could not be downloaded ({type(error).__name__}): put {name}.onnx into "
            f"{folder} manually, or give the path of an ONNX file."
        ) from error
