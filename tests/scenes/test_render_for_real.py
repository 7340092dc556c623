"""What Blender makes of the tasks: needs a Python with bpy, and is skipped where there is none."""

import numpy as np
import pytest
from PIL import Image

from likewise.scenes import plan_for
from likewise.scenes.blender_process import BlenderProcess, TaskError

SIZE = 48


@pytest.fixture(scope="module")
def renderer(bpy_python):
    with BlenderProcess(bpy_python, samples=4) as process:
        yield process


@pytest.fixture
def shot(renderer, tmp_path):
    """Render one image; returns its pixels (H, W, 3) from 0 to 1 and its mask (H, W)."""

    def render(plan, index=0, *, process=None, size=SIZE, sources=None, **values):
        task = plan.task(index)
        task["values"] |= values
        name = tmp_path / "shot"
        files = {
            "image": f"{name}.png",
            "mask": f"{name}-mask.png",
            "size_px": size,
            "sources": sources or {},
        }
        (process or renderer).ask(task | files)
        image = np.asarray(Image.open(f"{name}.png"), dtype=float) / 255
        return image, np.asarray(Image.open(f"{name}-mask.png"))

    return render


def test_an_image_does_not_depend_on_those_before_it(shot, bpy_python):
    plan = plan_for("products", seed=2)
    first = [shot(plan, index) for index in (0, 20)]
    shot(plan, 33)
    for index, (image, mask) in zip((20, 0), first[::-1], strict=True):
        again, mask_again = shot(plan, index)
        np.testing.assert_array_equal(again, image)
        np.testing.assert_array_equal(mask_again, mask)
    with BlenderProcess(bpy_python, samples=4) as fresh:
        np.testing.assert_array_equal(shot(plan, 20, process=fresh)[0], first[1][0])


def test_a_mask_agrees_with_one_of_four_times_the_size(shot):
    plan = plan_for("products", classes=["teapot-round"], held={"camera_distance": "1.9"})
    small = shot(plan)[1]
    large = shot(plan, size=4 * SIZE)[1].reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3)) >= 0.5
    union = (small | large).sum()
    assert union > 0.15 * SIZE**2
    # At 224 px and 16 samples it is above 0.99 (benchmarks/rendering.py); these are small and coarse.
    assert (small & large).sum() / union >= 0.97


def test_light_shadow_and_background_leave_the_mask_alone(shot):
    plan = plan_for("products", classes=["chair-dining"])
    masks = [
        shot(plan, light=light, background=name)[1]
        for light, name in (("sun", "plain-white"), ("overcast", "wood-oak"))
    ]
    np.testing.assert_array_equal(*masks)
    assert 0.02 < masks[0].mean() < 0.4


def test_the_paint_and_the_ground_have_their_colours(shot):
    plan = plan_for("cars", classes=["hatchback"])
    plain = {
        "color_sat": 1.0,
        "color_val": 0.8,
        "bg_color_sat": 0.8,
        "bg_color_val": 0.8,
        "sun_elevation": 50.0,
    }
    red, mask = shot(plan, color_hue=0.0, bg_color_hue=1 / 3, **plain)
    blue, _ = shot(plan, color_hue=2 / 3, bg_color_hue=0.0, **plain)
    assert mask.mean() > 0.05
    assert red[mask][:, 0].mean() > 1.2 * red[mask][:, 2].mean()
    assert blue[mask][:, 2].mean() > 1.2 * blue[mask][:, 0].mean()
    assert red[~mask][:, 1].mean() > 1.2 * red[~mask][:, 0].mean()
    assert blue[~mask][:, 0].mean() > 1.2 * blue[~mask][:, 1].mean()


def test_a_turned_car_shows_its_other_end(shot):
    plan = plan_for("cars", classes=["pickup"])
    side, front = (shot(plan, rotation_z=turn)[1] for turn in (0.0, 270.0))
    assert np.ptp(np.flatnonzero(side.any(axis=0))) > 1.5 * np.ptp(np.flatnonzero(front.any(axis=0)))


def test_images_are_neither_dark_nor_washed_out(shot):
    means = [shot(plan_for("products"), index)[0].mean() for index in range(0, 36, 9)]
    means.append(shot(plan_for("cars"), 3, color_val=0.6, bg_color_val=0.6, sun_elevation=40.0)[0].mean())
    assert min(means) > 0.08 and max(means) < 0.9


OBJ = """
v 0 0 0
v 5 0 0
v 5 9 0
v 0 9 0
v 0 0 3
v 5 0 3
v 5 9 3
v 0 9 3
f 1 4 3 2
f 5 6 7 8
f 1 2 6 5
f 2 3 7 6
f 3 4 8 7
f 4 1 5 8
"""


def test_the_users_model_before_a_photo(shot, tmp_path):
    (tmp_path / "crate.obj").write_text(OBJ)
    Image.new("RGB", (64, 64), (0, 150, 0)).save(tmp_path / "green.jpg")
    plan = plan_for("models", classes=["crate"], photo_names=["green.jpg"], photos=True)
    sources = {"crate": str(tmp_path / "crate.obj"), "green.jpg": str(tmp_path / "green.jpg")}
    image, mask = shot(plan, sources=sources)
    assert 0.08 < mask.mean() < 0.6
    background = image[~mask].mean(axis=0)
    assert background[1] > 1.5 * max(background[0], background[2])
    assert np.ptp(image[mask].mean(axis=0)) < 0.2


@pytest.mark.parametrize(
    ("name", "content"), [("a.glb", b"glTF nothing"), ("b.blend", b"BLENDER nothing"), ("c.obj", b"v x")]
)
def test_broken_models_are_told_and_do_not_end_the_renderer(renderer, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        TaskError, match=rf"{name} (cannot be read as a 3-D model|contains no surface).*it is skipped"
    ):
        renderer.ask({"subject": "models", "thing": name, "sources": {name: str(tmp_path / name)}})
    assert renderer.ask({"subject": "products", "thing": "bowl-ramen", "sources": {}})["height"] > 0.1
