"""The user's 3-D models and backdrop photos, found and checked before rendering."""

from __future__ import annotations

from pathlib import Path

from likewise.arguments import checked
from likewise.data import Failure
from likewise.errors import ImageError, InputError, WorkError
from likewise.files import digest
from likewise.images import open_image, save_image
from likewise.scenes.blender_process import BlenderProcess, TaskError

MODEL_SUFFIXES = (".glb", ".gltf", ".obj", ".blend")
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_PHOTO_PX = 1024


@checked
def find_models(folder: Path | str) -> dict[str, Path]:
    """The model files in a folder: name without suffix -> file, sorted.

    Raises:
        InputError: There is no such folder, it contains no model, or two have the same name.
    """
    files: dict[str, Path] = {}
    for path in _files(folder, MODEL_SUFFIXES, "3-D models"):
        if path.stem in files:
            raise InputError(
                f"{folder} contains {files[path.stem].name} and {path.name}: each class needs a unique name."
            )
        files[path.stem] = path
    return files


def readable_models(models: dict[str, Path], interpreter: str) -> tuple[dict[str, Path], list[Failure]]:
    """Load every model once in a renderer; models that fail are listed and left out.

    Raises:
        InputError: None can be loaded.
    """
    good: dict[str, Path] = {}
    failures: list[Failure] = []
    renderer = BlenderProcess(interpreter, samples=1)
    try:
        for name, path in models.items():
            try:
                renderer.ask({"subject": "models", "thing": name, "sources": {name: str(path.absolute())}})
                good[name] = path
            except TaskError as error:
                failures.append(Failure(path.name, str(error)))
            except WorkError as error:  # the file crashed Blender; the other files are still tried
                failures.append(Failure(path.name, f"{path.name} cannot be read as a 3-D model ({error})"))
                renderer.close()
                renderer = BlenderProcess(interpreter, samples=1)
    finally:
        renderer.close()
    if not good:
        raise InputError(f"No 3-D model can be used. {failures[0].reason}")
    return good, failures


def photo_files(folder: Path | str) -> list[Path]:
    """The photos of a folder, sorted.

    Raises:
        InputError: There is no such folder, or it contains no photo.
    """
    return _files(folder, PHOTO_SUFFIXES, "photos")


def ready_photos(folder: Path | str, cache: Path) -> tuple[dict[str, Path], list[Failure]]:
    """The photos of a folder as square JPEG files in ``cache``: file name -> ready file; unreadable ones are listed.

    Raises:
        InputError: There is no such folder, or no readable photo in it.
    """
    ready: dict[str, Path] = {}
    failures: list[Failure] = []
    for path in photo_files(folder):
        target = cache / f"{digest(path.name, path.read_bytes())}.jpg"
        try:
            if not target.is_file():
                picture = open_image(path, min_side_px=_PHOTO_PX)
                side = min(picture.size)
                left, top = (picture.width - side) // 2, (picture.height - side) // 2
                square = picture.crop((left, top, left + side, top + side))
                save_image(square.resize((min(side, _PHOTO_PX),) * 2), target)
            ready[path.name] = target
        except ImageError as error:
            failures.append(Failure(path.name, str(error)))
    if not ready:
        raise InputError(f"None of the photos in {folder} can be read. {failures[0].reason}")
    return ready, failures


def _files(folder: Path | str, suffixes: tuple[str, ...], content: str) -> list[Path]:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}: give one with {content} ({', '.join(suffixes)}).")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not files:
        raise InputError(f"{folder} contains no {content}: they end in {', '.join(suffixes)}.")
    return files
