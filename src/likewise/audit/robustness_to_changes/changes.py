"""Changes that photos undergo, each at several strengths, mild first."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

Changed = Callable[[Image.Image, float, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Change:
    """One way of changing a photo.

    Attributes:
        apply: From an RGB image, a strength and a generator to the changed RGB image.
        strengths: Values for ``apply``, mild first.
        meaning: Meaning of a strength, for tables.
    """

    apply: Changed
    strengths: tuple[float, ...]
    meaning: str


def _jpeg(image: Image.Image, quality: float, _: np.random.Generator) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=round(quality))
    return Image.open(stream).convert("RGB")


def _resolution(image: Image.Image, share: float, _: np.random.Generator) -> Image.Image:
    small = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)


def _blur(image: Image.Image, share: float, _: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(share * min(image.size)))


def _noise(image: Image.Image, deviation: float, random: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    noisy = pixels + random.normal(0, deviation, pixels.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _brightness(image: Image.Image, factor: float, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(factor)


def _saturation(image: Image.Image, factor: float, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Color(image).enhance(factor)


def _hue(image: Image.Image, degrees: float, _: np.random.Generator) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    shift = round(degrees * 256 / 360)
    turned = hue.point([(each + shift) % 256 for each in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _crop(image: Image.Image, share: float, random: np.random.Generator) -> Image.Image:
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left, top = (int(random.integers(0, most + 1)) for most in (image.width - width, image.height - height))
    return image.crop((left, top, left + width, top + height))


def _rotation(image: Image.Image, degrees: float, _: np.random.Generator) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_mean_color(image))


def _mirror(image: Image.Image, _: float, __: np.random.Generator) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _small(image: Image.Image, share: float, _: np.random.Generator) -> Image.Image:
    """The photo on a plain canvas of its mean colour, as an object far away."""
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    canvas = Image.new("RGB", image.size, _mean_color(image))
    canvas.paste(
        image.resize((width, height), Image.Resampling.LANCZOS),
        ((image.width - width) // 2, (image.height - height) // 2),
    )
    return canvas


def _text(image: Image.Image, share: float, _: np.random.Generator) -> Image.Image:
    """A dark band with white text across the middle; ``share`` is its height."""
    changed, height = image.copy(), max(4, round(image.height * share))
    top = (image.height - height) // 2
    draw = ImageDraw.Draw(changed)
    draw.rectangle((0, top, image.width, top + height), fill=(20, 20, 20))
    draw.text(
        (image.width / 2, top + height / 2),
        "SAMPLE",
        (255, 255, 255),
        ImageFont.load_default(0.7 * height),
        anchor="mm",
    )
    return changed


def _mean_color(image: Image.Image) -> tuple[int, ...]:
    return tuple(int(each) for each in np.asarray(image).reshape(-1, 3).mean(0).round())


CHANGES: Mapping[str, Change] = {
    "jpeg": Change(_jpeg, (60, 30, 10), "quality of the JPEG"),
    "resolution": Change(_resolution, (0.5, 0.25, 0.125), "share of the pixels per side"),
    "blur": Change(_blur, (0.005, 0.015, 0.04), "standard deviation, as a share of the shorter side"),
    "noise": Change(_noise, (8, 25, 60), "standard deviation, of 255"),
    "brightness": Change(_brightness, (0.75, 0.5, 0.25), "factor"),
    "saturation": Change(_saturation, (0.6, 0.3, 0.0), "factor; 0 is grey"),
    "hue": Change(_hue, (15, 45, 120), "degrees"),
    "crop": Change(_crop, (0.85, 0.65, 0.45), "share of each side that is kept"),
    "rotation": Change(_rotation, (10, 30, 90), "degrees"),
    "mirror": Change(_mirror, (1,), "left and right exchanged"),
    "small object": Change(_small, (0.7, 0.45, 0.25), "share of each side that the photo fills"),
    "text": Change(_text, (0.1, 0.2, 0.35), "share of the height that a band with text covers"),
}
"""By name, in the order of tables."""
