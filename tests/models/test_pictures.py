"""One photo in every form: the same embedding, distance, explanation and map, or one sentence."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from likewise.errors import ImageError, InputError
from likewise.explain import SaliencySettings, attribute

SIZE = (90, 70)


def photo(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def with_orientation(number: int, path):
    exif = Image.Exif()
    exif[0x0112] = number
    photo().save(path, exif=exif, quality=95)


def transparent(path):
    image = photo().convert("RGBA")
    image.putalpha(photo(1).convert("L"))
    image.save(path)


def palette_with_a_transparent_color(path):
    photo().quantize(8).save(path, transparency=3)


def sixteen_bit(path):
    values = np.asarray(photo().convert("L")).astype(np.uint16) * 257
    Image.fromarray(values).save(path)


def lab(path):
    from PIL import ImageCms

    convert = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    ImageCms.applyTransform(photo(), convert).save(path)


FILES = {
    **{f"turned_{number}.jpg": lambda path, number=number: with_orientation(number, path) for number in range(1, 9)},
    **{f"turned_{number}.png": lambda path, number=number: with_orientation(number, path) for number in (3, 6)},
    **{f"turned_{number}.tif": lambda path, number=number: with_orientation(number, path) for number in (3, 6, 7)},
    **{f"turned_{number}.webp": lambda path, number=number: with_orientation(number, path) for number in (6, 8)},
    "rgba.png": transparent,
    "rgba.webp": transparent,
    "rgba.tif": transparent,
    "grey_alpha.png": lambda path: photo().convert("LA").save(path),
    "palette.png": palette_with_a_transparent_color,
    "palette.gif": palette_with_a_transparent_color,
    "sixteen.png": sixteen_bit,
    "sixteen.tif": sixteen_bit,
    "thirty_two.tif": lambda path: Image.fromarray(np.full((70, 90), 40000, np.int32)).save(path),
    "cmyk.jpg": lambda path: photo().convert("CMYK").save(path),
    "cmyk.tif": lambda path: photo().convert("CMYK").save(path),
    "lab.tif": lab,
    "bit.png": lambda path: photo().convert("1").save(path),
    "bit.bmp": lambda path: photo().convert("1").save(path),
    "grey.jpg": lambda path: photo().convert("L").save(path),
    "ycc.jpg": lambda path: photo().save(path, quality=30, subsampling=2),
    "large.jpg": lambda path: photo(size=(2600, 2100)).save(path, quality=90),
    "large_progressive.jpg": lambda path: photo(size=(2600, 2100)).save(path, quality=90, progressive=True),
    "thin.png": lambda path: photo(size=(900, 3)).save(path),
    "two_frames.gif": lambda path: photo().save(path, save_all=True, append_images=[photo(1)]),
}  # fmt: skip


def as_bytes(path):
    return path.read_bytes()


FORMS = {
    "text": str,
    "pil": Image.open,
    "pil of bytes": lambda path: Image.open(io.BytesIO(path.read_bytes())),
    "bytes": as_bytes,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = {}
    for name, write in FILES.items():
        made[name] = folder / name
        write(made[name])
    return made


@pytest.mark.parametrize("name", FILES)
def test_a_file_and_what_is_opened_from_it_are_the_same_photo(tiny, files, name):
    path = files[name]
    wanted = tiny.embed([path]).vectors
    squares = {form: tiny.embed([make(path)]).vectors for form, make in FORMS.items()}
    for form, found in squares.items():
        np.testing.assert_array_equal(found, wanted, err_msg=form)
        assert tiny.distance_between(path, FORMS[form](path)) < 1e-6
    mixed = tiny.embed([path, Image.open(path), path.read_bytes()])
    assert mixed.ids == [str(path), "1", "2"]
    np.testing.assert_allclose(
        mixed.vectors, np.repeat(wanted, 3, axis=0), atol=1e-6
    )  # a batch rounds otherwise


@pytest.mark.parametrize(
    "name", ["turned_6.jpg", "rgba.png", "sixteen.png", "palette.gif", "cmyk.tif", "large.jpg"]
)
def test_explanations_and_maps_do_not_depend_on_the_form(tiny, files, name):
    path, other = files[name], files["ycc.jpg"]
    wanted = tiny.explain(path, other, check=False, hiding_masks=1)
    drawn = SaliencySettings(samples=2)
    seen = attribute(tiny, [path], settings=drawn)
    for form, make in FORMS.items():
        found = tiny.explain(make(path), other, check=False, hiding_masks=1)
        np.testing.assert_array_equal(found.a.refined_map, wanted.a.refined_map, err_msg=form)
        assert (
            found.distance
            == wanted.distance
            == pytest.approx(tiny.distance_between(make(path), other), abs=1e-6)
        )
        np.testing.assert_array_equal(attribute(tiny, [make(path)], settings=drawn), seen, err_msg=form)


def test_a_decoded_large_jpeg_is_nearly_the_same(tiny, files):
    decoded = Image.open(files["large.jpg"])
    decoded.load()
    assert tiny.distance_between(files["large.jpg"], decoded) < 1e-4


def test_pixels_are_the_photo_they_were_made_from(tiny, tmp_path):
    image = photo()
    image.save(tmp_path / "a.png")
    values = np.asarray(image)
    wanted = tiny.embed([tmp_path / "a.png"]).vectors
    planes = torch.from_numpy(values.copy()).permute(2, 0, 1)
    for same in (
        [image], [values], [planes], values[None], planes[None], [values[:, ::-1][:, ::-1]],
        [np.asfortranarray(values)], iter([image]), (image,), pd.Series([str(tmp_path / "a.png")], index=[7]),
        np.array([str(tmp_path / "a.png")]), [np.dstack([values, np.full(values.shape[:2], 255, np.uint8)])],
    ):  # fmt: skip
        np.testing.assert_array_equal(tiny.embed(same).vectors, wanted)
    grey = np.asarray(image.convert("L"))
    wanted = tiny.embed([image.convert("L")]).vectors
    for same in ([grey], [grey[:, :, None]], [grey.astype(np.uint16) * 257], [(grey.astype(">u2") * 257)]):
        np.testing.assert_array_equal(tiny.embed(same).vectors, wanted)
    bits = np.asarray(image.convert("1"))
    np.testing.assert_array_equal(tiny.embed([bits]).vectors, tiny.embed([image.convert("1")]).vectors)


def test_a_tensor_of_the_input_size_is_taken_as_it_is(tiny):
    side = tiny.preprocessing.crop_px
    exact = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, side, side), dtype=np.uint8))
    np.testing.assert_array_equal(tiny.embed(exact).vectors, tiny.embed(list(exact)).vectors)
    as_photos = tiny.embed(exact.permute(0, 2, 3, 1).numpy()).vectors
    assert np.abs(as_photos - tiny.embed(exact).vectors).max() > 1e-3


REFUSED = {
    "one path": ("a.jpg", "write \\[image\\]"),
    "one image": (photo(), "write \\[image\\]"),
    "one array": (np.zeros((9, 9, 3), np.uint8), "write \\[image\\]"),
    "one tensor": (torch.zeros(3, 9, 9, dtype=torch.uint8), "write \\[image\\]"),
    "none": ([], "no images"),
    "an empty batch": (torch.zeros(0, 3, 9, 9, dtype=torch.uint8), "no images"),
    "a number": (7, "int"),
    "numbers": ([1, 2], "image 0 is a int"),
    "nothing": ([None], "NoneType"),
    "floats": ([np.zeros((9, 9, 3))], "float64"),
    "channels first": ([np.zeros((3, 9, 9), np.uint8)], "channels must come last"),
    "two channels": ([np.zeros((9, 9, 2), np.uint8)], "\\(9, 9, 2\\)"),
    "channels last in a tensor": ([torch.zeros(9, 9, 3, dtype=torch.uint8)], "\\(3, H, W\\)"),
    "a float tensor": (torch.zeros(1, 3, 9, 9), "float32"),
    "no pixels": ([np.zeros((0, 9, 3), np.uint8)], "\\(0, 9, 3\\)"),
    "a vector": ([np.zeros(16, np.float32)], "\\(16,\\)"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("function", ["embed", "attribute"])
def test_what_is_no_image_is_refused_with_the_form_that_is(tiny, case, function):
    images, sentence = REFUSED[case]
    with pytest.raises(InputError, match=sentence):
        tiny.embed(images) if function == "embed" else attribute(tiny, images)


@pytest.mark.parametrize(
    "bad", [7, None, np.zeros((9, 9)), np.zeros((3, 9, 9), np.uint8), torch.zeros(3, 9, 9)]
)
def test_a_pair_names_the_image_that_is_none(tiny, bad):
    for function in (tiny.explain, tiny.distance_between):
        with pytest.raises(InputError, match=r"second image|the image|^b must be"):
            function(photo(), bad)


def test_a_picture_that_cannot_be_read_is_left_out_and_named(tiny, tmp_path):
    photo().save(tmp_path / "a.jpg")
    cut = (tmp_path / "a.jpg").read_bytes()[:900]
    numbers = Image.fromarray(np.zeros((9, 9), np.float32))
    found = tiny.embed([photo(), numbers, cut, Image.open(io.BytesIO(cut)), photo(1)])
    assert found.ids == ["0", "4"]
    assert [failure.id for failure in found.failures] == ["1", "2", "3"]
    assert "floating-point" in found.failures[0].reason
    with pytest.raises(ImageError, match="first image"):
        tiny.explain(numbers, photo())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_photo_in_any_form_gives_one_embedding_or_a_sentence(tiny, tmp_path, data):
    mode = data.draw(
        st.sampled_from(["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "PA", "La"])
    )
    size = data.draw(st.tuples(st.integers(1, 120), st.integers(1, 120)))
    ending = data.draw(st.sampled_from(["png", "jpg", "webp", "tif", "gif", "bmp"]))
    orientation = data.draw(st.sampled_from([None, *range(1, 9)]))
    image = photo(data.draw(st.integers(0, 99)), size)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode in ("PA", "La"):
        image = image.convert("RGBA").convert("LA" if mode == "La" else "P").convert(mode)
    elif mode != "RGB":
        image = image.convert(mode)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    path = tmp_path / f"photo.{ending}"
    try:
        image.save(path, exif=exif)
    except (OSError, KeyError, ValueError):
        return  # this format does not hold this mode
    results = []
    for form in ("path", *FORMS):
        picture = path if form == "path" else FORMS[form](path)
        found = tiny.embed([picture])
        results.append([reason.reason.split(":")[-1] for reason in found.failures] or found.vectors)
    for result in results[1:]:
        assert type(result) is type(results[0])
        if not isinstance(result, list):
            np.testing.assert_array_equal(result, results[0])


def array_forms(values):
    """The same numbers as users hold them."""
    twice = np.repeat(values, 2, axis=0)
    return {
        "list": values.tolist(),
        "tuple": tuple(map(tuple, values.tolist())),
        "float64": values.astype(np.float64),
        "big-endian": values.astype(">f4"),
        "object": values.astype(object),
        "reversed view": values[::-1].copy()[::-1],
        "every second row": twice[::2],
        "fortran": np.asfortranarray(values),
        "read-only": np.frombuffer(values.tobytes(), np.float32).reshape(values.shape),
        "table": pd.DataFrame(values, index=range(7, 7 + len(values))),
        "tensor": torch.from_numpy(values.copy()),
        "tensor with gradient": torch.from_numpy(values.copy()).double().requires_grad_(True),
        "transposed tensor": torch.from_numpy(values.T.copy()).T,
        "list of tensors": list(torch.from_numpy(values.copy())),
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 4))
def test_vectors_and_targets_in_any_form_are_the_same_numbers(tiny, seed, rows):
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, tiny.dim)).astype(np.float32)
    side = tiny.preprocessing.crop_px
    images = torch.from_numpy(random.integers(0, 256, (rows, 3, side, side), dtype=np.uint8))
    drawn = SaliencySettings(samples=1)
    distances = tiny.compare(values, values)
    maps = attribute(tiny, images, targets=values, settings=drawn)
    for name, form in array_forms(values).items():
        np.testing.assert_array_equal(tiny.compare(form, values), distances, err_msg=name)
        np.testing.assert_array_equal(
            attribute(tiny, images, targets=form, settings=drawn), maps, err_msg=name
        )


@pytest.mark.parametrize(
    "bad",
    [
        ["a"],
        [[1, 2], [3]],
        "text",
        None,
        {1: 2},
        np.zeros((2, 16), complex),
        [[None] * 15 + ["x"]],
        np.zeros(3),
        7,
    ],
    ids=str,
)
def test_what_are_no_vectors_is_one_sentence(tiny, bad):
    with pytest.raises(InputError):
        tiny.compare(bad, np.zeros((1, 16), np.float32))
    if bad is not None:
        with pytest.raises(InputError):
            attribute(tiny, [photo()], targets=bad)
