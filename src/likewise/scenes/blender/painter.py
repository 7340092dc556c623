"""Carries out the tasks of the renderer: builds each object once, then renders its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from likewise.files import whole_file
from likewise.scenes.articles import PREFIX, article
from likewise.scenes.backgrounds import BACKGROUNDS
from likewise.scenes.blender import surfaces
from likewise.scenes.blender.car_paint import CarPaint
from likewise.scenes.blender.finishes import material
from likewise.scenes.blender.meshes import mesh_object
from likewise.scenes.blender.models import ModelFileError, load_model
from likewise.scenes.blender.png import one_bit_png
from likewise.scenes.blender.studio import Studio
from likewise.scenes.cars import CARS, car
from likewise.scenes.finishes import from_hsv
from likewise.scenes.geometry import bounds
from likewise.scenes.products import PRODUCTS

_BACKGROUNDS = {background.name: background for background in BACKGROUNDS}
# Products: a short tele lens with a little blur behind; half a stop up, as shops like it.
_FOCAL_MM, _APERTURE, _EXPOSURE = 60.0, 0.035, 0.35
# Cars: seen from this far, so that the longest just fits.
_CAR_FOCAL_MM, _CAR_DISTANCE, _CAR_AIM_M, _CAR_EXPOSURE = 46.0, 7.8, 0.62, -0.35


# Number of articles kept in the scene: hundreds of them would slow down every image.
_ARTICLES_KEPT = 40


class BadTaskError(Exception):
    """A task that cannot be done, for a reason the user can fix."""


class Painter:
    """Turns tasks into images and masks.

    Args:
        samples: Light paths per pixel.
        threads: Processor threads; 0 takes all.
        scratch: A folder for intermediate files.
    """

    def __init__(self, samples: int, threads: int, scratch: Path) -> None:
        self.studio = Studio(samples, threads, scratch)
        self._paint: CarPaint | None = None
        self._heights: dict[str, float] = {}
        self._photos = surfaces.PhotoSurface()

    def do(self, task: dict[str, Any]) -> dict[str, Any]:
        """Render the image and mask that the task names, or only load its thing when it names none.

        Raises:
            BadTaskError: The thing or its background cannot be loaded.
        """
        name = task["thing"]
        if name not in self._heights:
            self._drop_articles()
            self._heights[name] = self._build(task, name)
        if "image" not in task:
            return {"height": self._heights[name]}
        exposure = self._car(task) if task["subject"] == "cars" else self._product(task)
        coverage = self.studio.render(task["size_px"], task["noise"], exposure)
        with whole_file(Path(task["image"])) as temporary:
            self.studio.save(temporary, task["quality"])
        with whole_file(Path(task["mask"])) as temporary:
            temporary.write_bytes(one_bit_png(coverage >= 0.5))
        return {"coverage": round(float(np.mean(coverage)), 5)}

    def _build(self, task: dict[str, Any], name: str) -> float:
        """Make a thing and return its height."""
        if task["subject"] == "models":
            try:
                holder, height = load_model(name, Path(task["sources"][name]))
            except ModelFileError as error:
                raise BadTaskError(str(error)) from None
            self.studio.add(name, holder)
            return height
        if task["subject"] == "cars":
            self._paint = self._paint or CarPaint()
            parts, materials = car(CARS[name]), self._paint.materials
        else:
            product = article(name) if name.startswith(PREFIX) else PRODUCTS[name]
            parts, materials = (
                product.parts(),
                {part: material(finish) for part, finish in product.finishes.items()},
            )
        self.studio.add(name, mesh_object(name, parts, materials))
        return float(bounds(parts)[1][2])

    def _drop_articles(self) -> None:
        articles = [name for name in self._heights if name.startswith(PREFIX)]
        for name in articles[: max(len(articles) - _ARTICLES_KEPT + 1, 0)]:
            self.studio.remove(name)
            del self._heights[name]

    def _car(self, task: dict[str, Any]) -> float:
        values, studio = task["values"], self.studio
        studio.show(task["thing"], values["rotation_z"])
        if self._paint is not None:
            self._paint.paint(from_hsv(values["color_hue"], values["color_sat"], values["color_val"]))
        backdrop = from_hsv(values["bg_color_hue"], values["bg_color_sat"], values["bg_color_val"])
        rise = np.degrees(np.arcsin((values["camera_loc_z"] - _CAR_AIM_M) / _CAR_DISTANCE))
        studio.look((0.0, 0.0, _CAR_AIM_M), float(rise), _CAR_DISTANCE, _CAR_FOCAL_MM)
        ground = surfaces.colored_ground(backdrop)
        studio.stage("ground", ground, ground)
        studio.lights.outdoors(values["sun_elevation"], values["sun_rotation"], backdrop)
        return _CAR_EXPOSURE

    def _product(self, task: dict[str, Any]) -> float:
        values, name, studio = task["values"], task["thing"], self.studio
        studio.show(name, values["rotation_z"])
        target = (0.0, 0.0, self._heights[name] / 2)
        shift = (-values["position_x"], -values["position_y"])
        distance = values["camera_distance"]
        studio.look(target, values["camera_elevation"], distance, _FOCAL_MM, shift=shift, aperture=_APERTURE)
        photo = task.get("sources", {}).get(values["background"])
        if photo is None:
            self._background(values["background"], task["patch"])
        else:
            self._photo(photo, task["patch"])
        studio.lights.studio(values["light"], values["light_rotation"])
        return _EXPOSURE

    def _background(self, name: str, patch: list[float]) -> None:
        background = _BACKGROUNDS[name]
        sweep = background.family in ("plain", "cloth")
        outdoors = background.family == "grass"
        self.studio.stage(
            "sweep" if sweep else "room",
            surfaces.floor_material(background),
            surfaces.wall_material(background),
            depth=6.0 if outdoors else 1.9,
            move=(patch[0], patch[1]),
            turn_deg=patch[2],
        )

    def _photo(self, path: str, patch: list[float]) -> None:
        try:
            surface = self._photos.show(path, patch)
        except RuntimeError as error:
            raise BadTaskError(f"The background {Path(path).name} cannot be read ({error}).") from None
        self.studio.stage("sweep", surface, surface)
