"""Every kind of file that a folder of photos may hold, and every kind that must be refused."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, ImageOps
from torchvision.io import ImageReadMode, decode_jpeg

from likewise.errors import ImageError, WorkError
from likewise.images import (
    EncodedImage,
    Limits,
    as_rgb,
    encode_jpeg,
    encode_png,
    image_size,
    open_image,
    open_mask,
    save_image,
)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def corners(width: int = 12, height: int = 8) -> Image.Image:
    """Four flat quarters, so that a turn or a mirror shows."""
    values = np.zeros((height, width, 3), np.uint8)
    values[: height // 2, : width // 2] = (200, 10, 10)
    values[: height // 2, width // 2 :] = (10, 200, 10)
    values[height // 2 :, : width // 2] = (10, 10, 200)
    values[height // 2 :, width // 2 :] = (200, 200, 10)
    return Image.fromarray(values)


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied_as_pillow_would(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(corners(), kind, exif=exif, **({"quality": 95} if kind in ("JPEG", "AVIF") else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    found = open_image(data)
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert image_size(data) == found.size == ((8, 12) if orientation >= 5 else (12, 8))
    # Applying it again changes nothing: the tag is gone.
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(found)), expected)
    np.testing.assert_array_equal(EncodedImage(data).decode_pixels().numpy(), expected)


def test_damaged_exif_does_not_matter() -> None:
    data = encoded(corners(), "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff garbage")
    assert open_image(data).size == (12, 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 128))
    data = encoded(image.convert("LA" if mode == "LA" else "RGBA"), "PNG")
    if mode == "PA":
        data = encoded(image.quantize(8), "PNG")
    found = np.asarray(open_image(data)).astype(int)
    assert found[0, 0].tolist() == [0, 0, 0]
    assert abs(found[0, 1] - 127).max() <= 1
    assert found[1, 3].tolist() == [255, 255, 255]


def test_transparent_colour_of_a_palette_or_of_rgb_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    for data in (encoded(palette, "PNG", transparency=0), encoded(palette, "GIF", transparency=0)):
        assert np.asarray(open_image(data)).tolist() == [[[255, 255, 255], [0, 255, 0]]]
    rgb = Image.new("RGB", (2, 1), (9, 8, 7))
    rgb.putpixel((1, 0), (1, 2, 3))
    keyed = encoded(rgb, "PNG", transparency=(9, 8, 7))
    assert np.asarray(open_image(keyed)).tolist() == [[[255, 255, 255], [1, 2, 3]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    data = encoded(Image.new("RGB", (3, 2), (255, 255, 255)).convert(mode), kind)
    found = open_image(data)
    assert (found.mode, found.size) == ("RGB", (3, 2))
    assert np.asarray(found).min() >= 254


def test_inverted_cmyk_of_adobe_is_not_a_negative() -> None:
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)  # red
    red, green, blue = np.asarray(open_image(data)).reshape(-1, 3).mean(0)
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    found = np.asarray(open_image(encoded(Image.fromarray(values), kind)))[0, :, 0]
    assert found.tolist() == [0, 1, 128, 255]


def test_sixteen_bit_big_endian_tiff_and_colour_png() -> None:
    swapped = Image.fromarray(np.array([[0, 65535]], ">u2"))
    assert np.asarray(open_image(encoded(swapped, "TIFF")))[0, :, 0].tolist() == [0, 255]
    rows = b"\x00" + struct.pack(">6H", 65535, 32768, 0, 257, 514, 771)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
        for tag, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )
    assert np.asarray(open_image(png)).tolist() == [[[255, 128, 0], [1, 2, 3]]]


@pytest.mark.parametrize("values", [np.array([[0.5]], np.float32), np.array([[1 << 20]], np.int32)])
def test_numbers_that_are_not_a_picture_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"not an image: save it with 8 or 16 bits"):
        open_image(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ((255, 0, 0), (0, 0, 255))]
    data = encoded(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    assert np.asarray(open_image(data))[0, 0].tolist() == [255, 0, 0]


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    file = tmp_path / "really_a_png.jpg"
    file.write_bytes(encoded(corners(), "PNG"))
    np.testing.assert_array_equal(np.asarray(open_image(file)), np.asarray(corners()))
    np.testing.assert_array_equal(np.asarray(open_image(str(file))), np.asarray(corners()))
    with file.open("rb") as stream:
        assert open_image(stream).size == (12, 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_reported(kind: str, share: float, tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    file = tmp_path / "cut"
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=r"cut cannot be decoded \(.+\): replace or remove the file"):
        open_image(file)
    with pytest.raises(ImageError, match="cannot be decoded"):
        EncodedImage(file).decode_pixels()


def test_truncated_is_reported_also_when_decoded_reduced() -> None:
    data = encoded(photo(400, 400), "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        open_image(data[:-200], min_side_px=50)


@pytest.mark.parametrize(
    "data", [b"hello, I am text", b"\x00" * 100, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff"]
)
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"the image (is not an image that can be read|cannot be decoded)"):
        open_image(data)


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"There is no file .*gone\.jpg"):
        open_image(tmp_path / "gone.jpg")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match=r"empty\.jpg is empty \(0 bytes\)"):
        open_image(tmp_path / "empty.jpg")
    with pytest.raises(ImageError, match=r"cannot be read \(.*\): name the images in it\."):
        open_image(tmp_path)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    bomb = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT" + b"\0" * 8
    with pytest.raises(ImageError, match=r"50000 x 50000 pixels, more than|decompression bomb"):
        open_image(bomb)
    for data in (encoded(corners(), "PNG"), encoded(corners(), "JPEG")):
        with pytest.raises(ImageError, match=r"12 x 8 pixels, more than the limit of 95"):
            open_image(data, limits=Limits(max_pixels=95))
        assert open_image(data, limits=Limits(max_pixels=96)).size == (12, 8)


def test_a_zip_bomb_of_one_colour_is_refused_quickly() -> None:
    # 40,000 x 40,000 pixels in some kilobytes; the header tells.
    raw = zlib.compress(bytes(1 << 20), 9)
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for tag, body in ((b"IHDR", header), (b"IDAT", raw)):
        png += struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
    with pytest.raises(ImageError):
        open_image(png)


@pytest.mark.parametrize("tag, head", [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"icc\0\0")])
def test_a_zip_bomb_in_the_description_of_an_image_is_not_unpacked(tag: bytes, head: bytes) -> None:
    data = encoded(corners(), "PNG")
    body = head + zlib.compress(bytes(64 << 20), 9)  # 64 MB in 64 kB
    chunk = struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))
    with pytest.raises(ImageError, match="Decompressed data too large"):
        open_image(data[:33] + chunk + data[33:])  # behind the header


def test_too_many_bytes(tmp_path: Path) -> None:
    data = encoded(corners(), "PNG")
    file = tmp_path / "a.png"
    file.write_bytes(data)
    for source in (data, file, io.BytesIO(data)):
        with pytest.raises(ImageError, match=f"larger than {len(data) - 1} bytes"):
            open_image(source, limits=Limits(max_bytes=len(data) - 1))
    assert open_image(data, limits=Limits(max_bytes=len(data))).size == (12, 8)


def test_pillow_settings_stay_as_they_were() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    open_image(encoded(corners(), "PNG"))
    with pytest.raises(ImageError):
        open_image(b"nothing")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


@pytest.mark.parametrize("min_side_px", [1, 31, 60, 99, 100, 151, 200, 301])
def test_reduced_decoding_keeps_enough_pixels(min_side_px: int) -> None:
    data = encoded(photo(640, 301), "JPEG", quality=95)
    full, reduced = open_image(data), open_image(data, min_side_px=min_side_px)
    assert min(reduced.size) >= min(min_side_px, 301)
    factor = round(full.width / reduced.width)
    assert factor in (1, 2, 4, 8) and (factor == 8 or min(full.size) < 2 * factor * min_side_px)
    small = np.asarray(full.resize((40, 20), Image.Resampling.BOX)).astype(int)
    assert abs(np.asarray(reduced.resize((40, 20), Image.Resampling.BOX)).astype(int) - small).mean() < 4


def test_reduced_decoding_of_a_turned_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(640, 300), "JPEG", exif=exif)
    assert open_image(data, min_side_px=100).size == (150, 320)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_pixels_are_those_of_the_image(options: dict[str, int], mode: str) -> None:
    data = encoded(photo(75, 50).convert(mode), "JPEG", **options)
    pixels = EncodedImage(data).decode_pixels()
    assert pixels.dtype == torch.uint8
    np.testing.assert_array_equal(pixels.numpy(), np.asarray(open_image(data)))
    if mode == "RGB":
        reference = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
        np.testing.assert_array_equal(pixels.numpy(), reference.permute(1, 2, 0).numpy())


def test_pixels_of_a_large_jpeg_are_reduced() -> None:
    data = encoded(photo(640, 320), "JPEG")
    assert EncodedImage(data).decode_pixels(100).shape == (160, 320, 3)
    assert EncodedImage(data).decode_pixels(40).shape == (40, 80, 3)
    assert EncodedImage(data).decode_pixels(161).shape == (320, 640, 3)


@pytest.mark.photos
def test_pixels_of_real_photos_are_those_of_pillow(photos: Path) -> None:
    files = sorted((photos / "sample").rglob("*.jpg"))
    assert len(files) > 20
    for file in files:
        expected = np.asarray(Image.open(file).convert("RGB"))
        encoded_file = EncodedImage(file)
        assert encoded_file.size == (expected.shape[1], expected.shape[0])
        np.testing.assert_array_equal(encoded_file.decode_pixels().numpy(), expected)


def test_masks_of_all_modes() -> None:
    grey = Image.fromarray(np.array([[0, 100, 255]], np.uint8))
    assert np.asarray(open_mask(encoded(grey, "PNG"))).tolist() == [[0, 100, 255]]
    assert np.asarray(open_mask(encoded(grey.convert("RGB"), "PNG"))).tolist() == [[0, 100, 255]]
    assert np.asarray(open_mask(encoded(grey.convert("1", dither=Image.Dither.NONE), "PNG"))).tolist() == [
        [0, 0, 255]
    ]
    opaque = grey.convert("RGBA")
    assert np.asarray(open_mask(encoded(opaque, "PNG"))).tolist() == [[0, 100, 255]]
    opaque.putalpha(40)
    with pytest.raises(ImageError, match="has transparent parts: save it as plain grey"):
        open_mask(encoded(opaque, "PNG"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_save_and_open(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"a{suffix}"
    save_image(photo(40, 30), target, quality=95)
    difference = np.asarray(open_image(target)).astype(int) - np.asarray(photo(40, 30))
    assert abs(difference).max() <= (40 if suffix in (".jpg", ".webp") else 0)
    assert [file.name for file in tmp_path.iterdir()] == [target.name]


def test_save_lays_transparency_on_white_for_jpeg(tmp_path: Path) -> None:
    save_image(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), tmp_path / "a.jpg")
    assert np.asarray(open_image(tmp_path / "a.jpg")).min() > 250
    assert open_image(encode_jpeg(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))).getpixel((0, 0)) == (
        255,
        255,
        255,
    )
    assert open_image(encode_png(corners())).getpixel((0, 0)) == (200, 10, 10)


def test_save_refuses_unknown_suffix_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImageError, match=r"a\.xyz: the name must end in one of \.jpg"):
        save_image(corners(), tmp_path / "a.xyz")
    target = tmp_path / "a.png"
    save_image(corners(), target)
    before = target.read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(WorkError, match="No space left"):
        save_image(photo(5, 5), target)
    assert target.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("most", [1, 255])
def test_eight_bit_values_in_sixteen_bits_are_refused_in_every_form(tmp_path: Path, most: int) -> None:
    values = np.zeros((4, 5), np.uint16)
    values[2, 3] = most
    Image.fromarray(values).save(tmp_path / "dark.png")
    forms: list[Any] = [
        tmp_path / "dark.png", (tmp_path / "dark.png").read_bytes(), Image.fromarray(values),
        Image.fromarray(values.astype(np.int32)),
    ]  # fmt: skip
    for form in forms:
        with pytest.raises(
            ImageError, match=f"16 bits per channel, but no value above {most}, so all of it would"
        ):
            as_rgb(form) if isinstance(form, Image.Image) else EncodedImage(form).decode()


def test_black_and_dark_images_of_sixteen_bits_are_read(tmp_path: Path) -> None:
    for most, expected in ((0, 0), (256, 1), (4095, 16)):
        values = np.full((4, 5), most, np.uint16)
        Image.fromarray(values).save(tmp_path / "image.png")
        for image in (open_image(tmp_path / "image.png"), as_rgb(Image.fromarray(values.astype(np.int32)))):
            assert (np.asarray(image) == expected).all()
