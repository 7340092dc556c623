"""Images are opened in bounded memory and time, whatever their form, and any PIL image as its file would be."""

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from likewise.data import EvalTransform, Preprocessing, TrainTransform
from likewise.errors import ConfigError, ImageError
from likewise.image_limits import jpeg_step
from likewise.images import EncodedImage, Limits, as_rgb, open_image, open_mask
from likewise.jpeg_header import jpeg_cost

SMALL = Preprocessing(resize_px=32, crop_px=28, mean=[0.5] * 3, std=[0.5] * 3)
MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I;16",
    "I",
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def picture(size: tuple[int, int] = (12, 8)) -> Image.Image:
    return Image.effect_noise((4, 4), 80).resize(size).convert("RGB")


# What a service hands over: the picture opened by Pillow must give what its file gives.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_an_opened_picture_is_the_picture_of_its_file(
    orientation: int, kind: str, mode: str, tmp_path: Path
) -> None:
    if (kind, mode) in {("JPEG", "RGBA"), ("JPEG", "P"), ("WEBP", "P"), ("WEBP", "L")}:
        pytest.skip(f"{kind} holds no {mode}")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = picture().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    file = tmp_path / "picture"
    file.write_bytes(encoded(image, kind, exif=exif))
    opened = Image.open(file)
    before = dict(opened.info)
    np.testing.assert_array_equal(np.asarray(as_rgb(opened)), np.asarray(open_image(file)))
    np.testing.assert_array_equal(np.asarray(as_rgb(as_rgb(opened))), np.asarray(open_image(file)))
    assert opened.info.keys() >= before.keys()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new(mode, (3, 2))
    found = as_rgb(image)
    assert (found.mode, found.size, image.mode) == ("RGB", (3, 2), mode)


def test_pictures_that_are_no_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="query 3 contains floating-point numbers, not an image"):
        as_rgb(Image.new("F", (3, 2)), "query 3")
    (tmp_path / "cut.png").write_bytes(encoded(picture((60, 40)), "PNG")[:200])
    with pytest.raises(ImageError, match="query 3 cannot be decoded"):
        as_rgb(Image.open(tmp_path / "cut.png"), "query 3")


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "PA", "LA"])
def test_conversion_in_strips_is_that_of_the_whole(mode: str) -> None:
    generator = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(generator.integers(0, 65536, (2100, 700), dtype=np.uint16))
        expected = np.asarray(image).astype(np.float64) / 257
        assert np.abs(np.asarray(as_rgb(image))[..., 1] - expected).max() <= 0.5
        return
    colors = Image.fromarray(generator.integers(0, 256, (2100, 700, 4), dtype=np.uint8))
    image = colors if mode == "RGBA" else colors.convert("LA").convert(mode)
    white = Image.new("RGBA", image.size, "white")
    expected_image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(np.asarray(as_rgb(image)), np.asarray(expected_image))


# Memory.

MEASURE = """
import sys
from pathlib import Path
from likewise.images import EncodedImage, Limits
from likewise.pixels import as_array
open_ended = Limits(max_pixels=10**9, max_bytes=10**9, max_memory=10**10)
as_array(EncodedImage(sys.argv[1], open_ended).decode())
def most():  # getrusage would begin with the memory of the process that started this one
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
before = most()
as_array(EncodedImage(sys.argv[2], open_ended).decode())
print(most() - before)
"""
FORMS = [
    ("JPEG", "RGB", {}), ("JPEG", "RGB", {"progressive": True, "subsampling": 0}), ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "LA", {}), ("PNG", "I;16", {}), ("PNG", "P", {}),
    ("PNG", "RGB", {"transparency": (3, 3, 3)}), ("WEBP", "RGB", {}),
    ("GIF", "P", {}), ("TIFF", "RGB", {"compression": "tiff_deflate"}), ("BMP", "RGB", {}),
    ("AVIF", "RGBA", {"speed": 10}), ("JPEG2000", "RGB", {}), ("HEIF", "RGB", {}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux tells it")
@pytest.mark.parametrize(("kind", "mode", "options"), FORMS, ids=str)
def test_the_memory_of_decoding_is_foreseen(
    kind: str, mode: str, options: dict[str, object], tmp_path: Path
) -> None:
    def write(name: str, size: tuple[int, int]) -> Path:
        image = Image.effect_noise((size[0] // 8, size[1] // 8), 60).resize(size)
        image = Image.new("I;16", size, 9000) if mode == "I;16" else image.convert(mode)
        exif = (
            {}
            if kind in ("GIF", "BMP", "JPEG2000", "HEIF") or mode in ("I;16", "P")
            else {"exif": _turned_exif()}
        )
        if kind == "HEIF":
            heif = pytest.importorskip("pillow_heif").from_pillow(image)
            heif.save(tmp_path / name, enc_params={"preset": "ultrafast"})
        else:
            image.save(tmp_path / name, format=kind, **options, **exif)
        return tmp_path / name

    small, large = write("small", (64, 64)), write("large", (3000, 2000))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, small, large],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    data = large.read_bytes()
    limit = 0
    for limit in range(10_000_000, 400_000_000, 1_000_000):
        try:
            Limits(max_memory=limit).check_decoding(data, kind, (3000, 2000), None, "large")
            break
        except ImageError:
            continue
    assert int(done.stdout) <= limit + 4_000_000, f"{int(done.stdout):,} bytes, foreseen {limit:,}"


@pytest.mark.parametrize(
    ("mode", "options", "bytes_per_pixel"),
    [
        ("1", {}, 8), ("L", {}, 8), ("P", {}, 8), ("RGB", {}, 8), ("I;16", {}, 8), ("LA", {}, 12), ("RGBA", {}, 12),
        ("L", {"transparency": 3}, 12), ("P", {"transparency": 3}, 12), ("RGB", {"transparency": (3, 3, 3)}, 12),
        ("RGB", {"comment": "a tRNS and an IDAT"}, 8),
    ],
    ids=str,
)  # fmt: skip
def test_only_transparent_png_files_are_taken_to_need_more(
    mode: str, options: dict[str, object], bytes_per_pixel: int
) -> None:
    from PIL.PngImagePlugin import PngInfo

    if "comment" in options:
        notes = PngInfo()
        notes.add_text("comment", str(options["comment"]))
        options = {"pnginfo": notes}
    data = encoded(Image.new(mode, (8, 8)), "PNG", **options)
    size = (10_000, 499_990_000 // bytes_per_pixel // 10_000)
    Limits().check_decoding(data, "PNG", size, None, "image")
    with pytest.raises(ImageError, match="needs about 500 MB"):
        Limits().check_decoding(data, "PNG", (size[0], size[1] + 1), None, "image")


def _turned_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_what_needs_too_much_memory_is_refused_with_the_way_out() -> None:
    data = encoded(Image.new("RGB", (300, 200)), "WEBP")
    with pytest.raises(ImageError, match=r"needs about 1 MB.*limit of 1 MB.*LIKEWISE_MAX_MEMORY_MB=2"):
        open_image(data, limits=Limits(max_memory=1_000_000))
    open_image(data, limits=Limits(max_memory=2_000_000))


def test_a_large_photo_is_read_at_a_fraction_of_its_size() -> None:
    data = encoded(Image.new("RGB", (4000, 2000), "red"), "JPEG")
    limits = Limits(max_memory=3_000_000)
    with pytest.raises(ImageError, match="needs about 64 MB"):
        EncodedImage(data, limits).decode()
    assert EncodedImage(data, limits).decode(250).size == (500, 250)


@settings(max_examples=100, deadline=None)
@given(width=st.integers(1, 3000), height=st.integers(1, 3000), side=st.integers(1, 600))
def test_the_fraction_is_the_one_pillow_chooses(width: int, height: int, side: int) -> None:
    image = Image.open(io.BytesIO(encoded(Image.new("L", (width, height)), "JPEG")))
    image.draft(None, (side, side))
    step = jpeg_step((width, height), side)
    assert image.size == (-(-width // step), -(-height // step))


@pytest.mark.parametrize("size", [(60_000, 1), (1, 60_000), (100_000, 1), (4_000, 1), (3, 20_000)])
@pytest.mark.parametrize("kind", [EvalTransform, TrainTransform])
def test_thin_images_stay_small(size: tuple[int, int], kind: type, tmp_path: Path) -> None:
    import tracemalloc

    Image.new("RGB", size, (200, 10, 10)).save(tmp_path / "thin.png")
    transform = kind(Preprocessing())
    image = open_image(tmp_path / "thin.png")
    tracemalloc.start()
    pixels, _ = transform(image)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    assert pixels.shape == (3, 224, 224)
    assert np.abs(pixels.numpy()[0].astype(int) - 200).max() <= 1


@pytest.mark.parametrize("size", [(900, 3), (3, 900), (1500, 7)])
def test_cutting_before_resizing_gives_the_same_picture(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from likewise.data import transforms

    image = Image.effect_noise(size, 80).convert("RGB")
    whole, _ = EvalTransform(SMALL)(image)
    monkeypatch.setattr(transforms, "_MOST_RESIZED_PIXELS", 1)
    cut, _ = EvalTransform(SMALL)(image)
    assert np.abs(whole.numpy().astype(int) - cut.numpy().astype(int)).max() <= 2


# Time.


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(picture((4000, 3000)), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    bomb = data[:start] + data[start:-2] * 300 + data[-2:]
    assert jpeg_cost(bomb).scans > 300
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"is a JPEG of \d+ scans, which would take very long"):
        open_image(bomb)
    assert time.monotonic() - began < 1
    assert open_image(data).size == (4000, 3000)


def test_the_cost_of_a_jpeg() -> None:
    plain, full, less = (
        encoded(picture((64, 64)), "JPEG", **options)
        for options in ({}, {"progressive": True, "subsampling": 0}, {"progressive": True, "subsampling": 2})
    )
    assert jpeg_cost(plain).buffered_per_pixel == 0
    assert jpeg_cost(full).buffered_per_pixel == 6 and jpeg_cost(less).buffered_per_pixel == 3
    assert jpeg_cost(full[:30] + full[-2:]).scans == 0


# Files that are none.


@pytest.mark.parametrize("opener", [open_image, open_mask, EncodedImage])
def test_pipes_and_devices_are_never_waited_for(opener: object, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, words in ((tmp_path / "pipe.jpg", "it is a pipe"), (Path("/dev/zero"), "it is a device")):
        with pytest.raises(ImageError, match=rf"{path} cannot be read \({words}\)"):
            opener(path)  # type: ignore[operator]


@pytest.mark.parametrize(
    "error", [RuntimeError, ArithmeticError, AssertionError, UnicodeError, RecursionError]
)
def test_whatever_a_decoder_raises_is_a_failure_of_the_image(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import AvifImagePlugin

    def broken(self: object) -> None:
        raise error("Failed to decode frame 0")

    data = encoded(picture(), "AVIF")
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", broken)
    with pytest.raises(ImageError, match=r"cannot be decoded \(Failed to decode frame 0\)"):
        open_image(data)


SEEDS = [
    encoded(picture((40, 30)).convert("RGBA" if kind == "PNG" else "RGB"), kind, **options)
    for kind, options in (
        ("JPEG", {}), ("JPEG", {"progressive": True, "exif": _turned_exif()}), ("PNG", {}), ("WEBP", {}), ("GIF", {}),
        ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"}), ("AVIF", {}), ("JPEG2000", {}), ("PPM", {}), ("PCX", {}),
    )
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_mutated_images_are_decoded_or_refused(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] = data.draw(st.integers(0, 255))
        else:
            content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        assume(content)
    for opener in (open_image, open_mask, lambda encoded: EncodedImage(encoded).decode_pixels(16)):
        try:
            opener(bytes(content))
        except ImageError as error:
            assert str(error).startswith(("the image", "The mask"))


# Limits.


@pytest.mark.parametrize("name", ["LIKEWISE_MAX_PIXELS", "LIKEWISE_MAX_FILE_MB", "LIKEWISE_MAX_MEMORY_MB"])
def test_limits_come_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "0.5")
    limits = Limits()
    assert 0 in (limits.max_pixels,) or 500_000 in (limits.max_bytes, limits.max_memory)
    for wrong in ("much", "-1", "nan", "inf", ""):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(
            ConfigError, match=f"The environment variable {name} is '{wrong}': it must be a number"
        ):
            Limits()


def test_an_image_of_two_hundred_million_pixels_can_be_embedded() -> None:
    header = encoded(Image.new("RGB", (16_320, 12_240)), "JPEG", quality=20)
    found = EncodedImage(header)
    assert found.size == (16_320, 12_240)
    assert min(found.decode(512).size) >= 512


@pytest.mark.parametrize(
    ("size", "words"),
    [((100_000, 100_000), "LIKEWISE_MAX_PIXELS"), ((13_000, 13_000), "LIKEWISE_MAX_MEMORY_MB")],
)
def test_a_header_that_claims_too_much_is_refused_before_anything_is_decoded(
    size: tuple[int, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(encoded(picture((8, 8)), "PNG"))
    data[16:24] = struct.pack(">II", *size)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ImageError, match=words):
        EncodedImage(bytes(data))
