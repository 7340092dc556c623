"""Presets: named Experiments composed from parts, so that each published value is defined once.

A name is ``DATA/LOSS`` or ``DATA/LOSS/VARIANT``, for instance ``cub200/arcface/bgaugment``. The parts are YAML
files in ``presets/data``, ``presets/loss`` and ``presets/variant``. A part may contain

    extends:    other parts of the same kind, merged first
    by_data:    values for one data set only
    by_loss:    values for one loss only (the two may be nested)
    for_data, for_losses:  what a variant can be combined with (patterns)
    use_values_of: the data set whose ``by_data`` values a variant uses if there are none for its own
    description: one line for the listing

and any keys of an Experiment. A loss of the user's own (registered, installed or a trusted reference) has a part with
nothing but its name; patterns know it as ``own``.

Later parts win: variant base, data, loss, the variant itself, overrides.
"""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from likewise.arguments import checked
from likewise.data import Preprocessing
from likewise.errors import ConfigError
from likewise.extensions import is_reference
from likewise.losses import describe, is_known_loss, names
from likewise.training.experiment import Experiment
from likewise.training.overrides import leaves, parse_override
from likewise.training.preprocessing import scaled
from likewise.training.yaml_files import read_yaml

_CONTROL = {"extends", "by_data", "by_loss", "for_data", "for_losses", "use_values_of", "description"}
_DEFAULT_VARIANT = "default"
_OWN_LOSS = "own"
_ABSENT = object()
_RESIZE = "model.preprocessing.resize_px"


@checked
def preset_names(pattern: str = "*") -> list[str]:
    """Names of all presets that match a shell-style pattern, sorted.

    >>> preset_names("cub200/arcface/bg*")
    ['cub200/arcface/bgaugment']
    """
    return sorted(name for name in _names() if fnmatchcase(name, pattern))


@checked
def preset_description(name: str) -> str:
    """One-line description of a preset: its loss and purpose."""
    data, loss, variant = _split(name)
    part = _part("variant", variant)
    purpose = (
        part.get("by_data", {}).get(data, {}).get("description", part.get("description", ""))
        or f"{loss} on {data}"
    )
    return f"{_part('loss', loss).get('description', loss)}. {purpose}"


@checked
def preset_groups() -> list[tuple[str, int, str]]:
    """The data sets that presets are for: name, number of presets, and what it is; one's own images first."""
    counts = Counter(name.partition("/")[0] for name in _names())
    order = sorted(counts, key=lambda data: (data != "catalog", data))
    return [(data, counts[data], str(_part("data", data).get("description", data))) for data in order]


@checked
def compose(name: str) -> dict[str, Any]:
    """The values of a preset, not yet validated (a user's overrides may still be needed).

    Raises:
        ConfigError: No such preset; the sentence names the nearest.
    """
    data, loss, variant = _split(name)
    values: dict[str, Any] = {"name": name}
    parts = [*_with_bases("data", data), *_with_bases("loss", loss), *_with_bases("variant", variant)]
    for part in parts:
        values = _merge(values, {key: value for key, value in part.items() if key not in _CONTROL})
    like = str(_part("variant", variant).get("use_values_of", data))
    for part in parts:
        values = _merge(values, _for_choice(part, like, loss))
    return values


@checked
def resolve(experiment: str | Path | Experiment, overrides: Iterable[str] = ()) -> Experiment:
    """An Experiment from a preset's name, a YAML file or an Experiment, with overrides applied.

    Args:
        experiment: Experiment to start from. An existing file wins over a preset of the same name.
        overrides: ``key=value`` with dots between levels, e.g. ``optimizer.lr_head=1e-3``; the value is YAML, or for
            settings that are text or paths the text itself. Values set here or in a file are not adapted to the
            catalog.

    Raises:
        ConfigError: Unknown preset, unknown key, value not allowed.
    """
    if isinstance(experiment, Experiment):
        values, source, fixed = experiment.model_dump(mode="json"), experiment.name, set()
    elif Path(experiment).suffix.lower() in {".yaml", ".yml"} or Path(experiment).is_file():
        values, source = read_yaml(experiment), str(experiment)
        fixed = _changed(values)
    else:
        values, source, fixed = compose(str(experiment)), f"preset {experiment}", set()
    named: set[str] = set()
    for override in overrides:
        parsed = parse_override(override, Experiment)
        named |= set(leaves(parsed))
        model = parsed.get("model")
        if isinstance(model, dict) and model.get("weights") is not None:
            # A file that the user names is what the backbone starts from, instead of published weights.
            parsed = _merge({"model": {"pretrained": False}}, parsed)
        values = _merge(values, parsed if _RESIZE in named else _proportional(values, parsed))
    if isinstance(values.get("fit"), list | tuple):
        values = values | {"fit": [key for key in values["fit"] if not _set(str(key), fixed | named)]}
    return Experiment.parse(values, source)


def _changed(values: dict[str, Any]) -> set[str]:
    """Keys of a file whose values are not those of the preset that it was written from."""
    name = str(values.get("name"))
    preset = Experiment.parse(compose(name), name).model_dump(mode="json") if is_preset(name) else {}
    return {key for key in leaves(values) if _at(preset, key) != _at(values, key)}


def _at(values: Any, key: str) -> Any:
    for name in key.split("."):
        if not isinstance(values, dict) or name not in values:
            return _ABSENT
        values = values[name]
    return values


def _set(key: str, fixed: set[str]) -> bool:
    """Whether a setting, or one above or below it, was set by the user."""
    return any(key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.") for other in fixed)


def _proportional(values: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any]:
    """An override of ``crop_px`` alone also scales the ``resize_px`` that is there."""
    below = values.get("model", {}).get("preprocessing") if isinstance(values.get("model"), dict) else None
    model = parsed.get("model")
    above = model.get("preprocessing") if isinstance(model, dict) else None
    if (
        not isinstance(above, dict)
        or not isinstance(below, dict)
        or not {"resize_px", "crop_px"} <= below.keys()
    ):
        return parsed
    try:
        preprocessing = Preprocessing(resize_px=below["resize_px"], crop_px=below["crop_px"])
    except ConfigError:
        return parsed
    return _merge(parsed, {"model": {"preprocessing": scaled(above, preprocessing)}})


@cache
def _names() -> dict[str, tuple[str, str, str]]:
    """Every preset's name with its data, loss and variant part."""
    presets = {}
    for variant in _parts("variant"):
        part = _part("variant", variant)
        if "for_data" not in part:
            continue
        name = variant.split("@")[0]  # the suffix distinguishes variants of the same name for different data
        for data in _parts("data"):
            for loss in _parts("loss"):
                if _fits(data, part["for_data"]) and _fits(loss, part.get("for_losses", "*")):
                    plain = name == _DEFAULT_VARIANT
                    presets[f"{data}/{loss}" if plain else f"{data}/{loss}/{name}"] = (data, loss, variant)
    return presets


def is_preset(name: str) -> bool:
    """Whether there is a preset of that name, also one of a loss of the user's own."""
    return name in _names() or _with_own_loss(name) is not None


def _with_own_loss(name: str) -> tuple[str, str, str] | None:
    """The parts of a preset whose loss is the user's own; None if there is no such loss or preset."""
    data, _, rest = name.partition("/")
    loss, _, short = rest.partition("/")
    if data not in _parts("data") or loss in _parts("loss") or not _is_own(loss):
        return None
    for variant in _parts("variant"):
        part = _part("variant", variant)
        same = variant.split("@")[0] == (short or _DEFAULT_VARIANT)
        if same and _fits(data, part.get("for_data", ())) and _fits(_OWN_LOSS, part.get("for_losses", "*")):
            return data, loss, variant
    return None


def _is_own(loss: str) -> bool:
    return is_known_loss(loss) and (is_reference(loss) or loss in names())


def _split(name: str) -> tuple[str, str, str]:
    presets = _names()
    parts = presets.get(name) or _with_own_loss(name)
    if parts is not None:
        return parts
    near = get_close_matches(name, presets, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "see `likewise presets`."
    raise ConfigError(f"There is no preset or YAML file '{name}': {hint}")


def _fits(name: str, patterns: str | list[str]) -> bool:
    return any(
        fnmatchcase(name, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns)
    )


def _with_bases(kind: str, name: str) -> list[dict[str, Any]]:
    part = _part(kind, name)
    bases = part.get("extends", [])
    parts: list[dict[str, Any]] = []
    for base in [bases] if isinstance(bases, str) else bases:
        parts += _with_bases(kind, base)
    return [*parts, part]


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values of ``above`` laid over ``below``; mappings merge, everything else replaces.

    A loss or miner of another name replaces instead: the parameters of the one mean nothing to the other.
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _renames(key, old, value):
            merged[key] = _merge(old, value)
        else:
            merged[key] = value
    return merged


def _renames(key: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    return key in {"loss", "miner"} and "name" in new and new["name"] != old.get("name")


def _for_choice(part: dict[str, Any], data: str, loss: str) -> dict[str, Any]:
    """Values of a part for one data set or loss only, also for one loss on one data set."""
    values: dict[str, Any] = {}
    for key, choice in (("by_data", data), ("by_loss", loss)):
        chosen = part.get(key, {}).get(choice)
        if chosen:
            values = _merge(_merge(values, _without_control(chosen)), _for_choice(chosen, data, loss))
    return values


def _without_control(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _CONTROL}


@cache
def _parts(kind: str) -> tuple[str, ...]:
    folder = files("likewise.training") / "presets" / kind
    return tuple(
        sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))
    )


def _part(kind: str, name: str) -> dict[str, Any]:
    if kind == "loss" and name not in _parts("loss"):
        loss = describe(name)
        description = loss.words.partition(". ")[0].removesuffix(".") or name
        return {
            "description": description,
            "loss": {"name": name},
            "sampler": {"per_class": loss.images_per_class},
        }
    return _file_part(kind, name)


@cache
def _file_part(kind: str, name: str) -> dict[str, Any]:
    text = (files("likewise.training") / "presets" / kind / f"{name}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text) or {})
