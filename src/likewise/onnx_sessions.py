"""Opening ONNX files with ONNX Runtime or OpenVINO."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from likewise.arguments import cores
from likewise.errors import MissingExtraError, ModelError

_PIECE = 4  # images
Run = Callable[[np.ndarray], np.ndarray]
"""A batch for the first input of a network to its first output."""


def open_session(
    path: Path, threads: int = 0, *, purpose: str = "Reading an ONNX file", extra: str = "onnx"
) -> Any:
    """An onnxruntime session of a file, on the CPU unless onnxruntime was installed with CUDA.

    Args:
        path: The file.
        threads: Number of threads per operation; 0 lets onnxruntime choose.
        purpose: Purpose of onnxruntime, for the error message.
        extra: The extra that installs it.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: It cannot read the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(purpose, extra) from error
    preferred = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # Spinning threads take processor time from the threads that decode the next images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise ModelError(
            f"{path} is not an ONNX file that onnxruntime can run: {str(error).splitlines()[0]}"
        ) from error


def onnx_run(session: Any, output: str | None = None, threads: int = 0) -> Run:
    """The network of a session as a function.

    A batch is cut into pieces of up to four images, and each thread runs pieces of its own. The activations of a piece
    stay in the cache, and threads need not wait for each other in every operation. Files with a fixed batch size, and
    GPUs, are given the whole batch.

    Args:
        session: A session of onnxruntime.
        output: Name of the output; None: the first.
        threads: Threads that run pieces; 0 for as many as there are cores.
    """
    first, names = session.get_inputs()[0], [output or session.get_outputs()[0].name]
    workers = threads or cores()
    whole = isinstance(first.shape[0], int) or session.get_providers()[0] != "CPUExecutionProvider"

    def run(values: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(names, {first.name: values})[0], np.float32)

    def run_in_pieces(values: np.ndarray) -> np.ndarray:
        if whole or len(values) < 2:
            return run(values)
        size = min(_PIECE, math.ceil(len(values) / workers))
        pieces = [values[start : start + size] for start in range(0, len(values), size)]
        with ThreadPoolExecutor(min(workers, len(pieces)), "likewise-onnx") as pool:
            return np.concatenate(list(pool.map(run, pieces)))

    return run_in_pieces


def run_file(path: Path, runtime: str, threads: int = 0, *, session: Any = None) -> Run:
    """The network of a file as a function.

    Args:
        path: The file.
        runtime: "onnx" (ONNX Runtime) or "openvino".
        threads: Threads that compute; 0 for as many as there are cores.
        session: A session of the file where one is open.

    Raises:
        MissingExtraError: The runtime is not installed.
        ModelError: It cannot run the file.
    """
    if runtime == "openvino":
        return openvino_run(path, threads)
    return onnx_run(open_session(path, threads) if session is None else session, threads=threads)


def openvino_run(path: Path, threads: int = 0) -> Run:
    """The network of a file as a function, run by OpenVINO on the CPU in float32.

    Args:
        path: The file.
        threads: Threads that compute; 0 lets OpenVINO choose.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: It cannot run the file.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("The runtime openvino", "openvino") from error
    # Its own choice may be bfloat16, which is not exact enough.
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot run {path}: {str(error).splitlines()[0]}") from error

    def run(values: np.ndarray) -> np.ndarray:
        # A request of its own per call: several threads may embed at once.
        outputs = compiled.create_infer_request().infer([values])
        return np.array(outputs[compiled.output(0)], np.float32)

    return run
