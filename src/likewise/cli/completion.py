"""Shell completion of presets and models."""

from pathlib import Path

_KINDS = ("likewise:small", "timm:", "hf:", "open_clip:", "onnx:", "torch:")
_MODEL_FILES = ("model.json", "experiment.yaml")
_ONNX = "onnx:"


def complete_preset(incomplete: str) -> list[str]:
    """Presets that begin so, and YAML files."""
    from likewise.training import preset_names

    names = [name for name in preset_names() if name.startswith(incomplete)]
    return [*names, *_paths(incomplete, ".yaml", ".yml")]


def complete_model(incomplete: str) -> list[str]:
    """Kinds of models, folders, and the ONNX files behind ``onnx:``."""
    if incomplete.startswith(_ONNX):
        return [_ONNX + path for path in _paths(incomplete.removeprefix(_ONNX), ".onnx")]
    return [*(kind for kind in _KINDS if kind.startswith(incomplete)), *_paths(incomplete)]


def _paths(incomplete: str, *endings: str) -> list[str]:
    """Files with one of the endings, and folders (with a slash, for further completion), whose path begins so."""
    folder, _, begin = incomplete.rpartition("/")
    above = Path(f"{folder}/" if folder or incomplete.startswith("/") else ".")
    if not above.is_dir():
        return []
    matches = []
    for path in sorted(above.iterdir()):
        completed = f"{incomplete[: len(incomplete) - len(begin)]}{path.name}"
        if not path.name.startswith(begin) or (path.name.startswith(".") and not begin):
            continue
        if path.is_dir():
            is_model = any((path / name).is_file() for name in _MODEL_FILES)
            matches.append(completed if is_model else f"{completed}/")
        elif path.suffix.lower() in endings:
            matches.append(completed)
    return matches
