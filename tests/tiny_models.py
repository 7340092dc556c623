"""Tiny models with random weights, written by the libraries they belong to: no network, a second for all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

SIDE = 32
_VIT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "image_size": SIDE,
    "patch_size": 8,
}  # fmt: skip
_DINO = {key: value for key, value in _VIT.items() if key != "intermediate_size"}
_TEXT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 300,
    "bos_token_id": 256, "eos_token_id": 257, "pad_token_id": 257,
}  # fmt: skip
WORDS = ["red", "mug", "without", "handle", "a", "photo", "of", "bird"]


def photos(count: int = 3) -> list[Image.Image]:
    """Noise on slopes, in several proportions."""
    generator, images = np.random.default_rng(1), []
    for width, height in [(90, 61), (47, 80), (64, 64)][:count]:
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        noise = generator.integers(0, 60, (height, width, 3))
        slopes = np.stack([x * 2, y * 2, (x + y) % 196], axis=-1)
        images.append(Image.fromarray((slopes + noise).clip(0, 255).astype(np.uint8)))
    return images


def clip_tokenizer(folder: Path, limit: int = 77) -> None:
    """A byte-level tokenizer of CLIP's kind: every byte is a token, and a few merges."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    names = [*letters, *(f"{letter}</w>" for letter in letters)]
    names += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {name: place for place, name in enumerate(names)}
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=limit)
    tokenizer.save_pretrained(folder)


def _write(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _squash(side: int = SIDE, **more: Any) -> Any:
    from transformers import ViTImageProcessor

    return ViTImageProcessor(size={"height": side, "width": side}, **more)


def _crop(resize: int, **more: Any) -> Any:
    from transformers import BitImageProcessor

    crop = {"height": SIDE, "width": SIDE}
    return BitImageProcessor(size={"shortest_edge": resize}, crop_size=crop, **more)


def vit(folder: Path) -> Path:
    from transformers import ViTConfig, ViTModel

    return _write(folder, ViTModel(ViTConfig(**_VIT)), _squash())


def vit_classifier(folder: Path) -> Path:
    from transformers import ViTConfig, ViTForImageClassification

    return _write(folder, ViTForImageClassification(ViTConfig(**_VIT)), _squash())


def deit(folder: Path) -> Path:
    from transformers import DeiTConfig, DeiTImageProcessor, DeiTModel

    processor = DeiTImageProcessor(
        size={"height": 40, "width": 40}, crop_size={"height": SIDE, "width": SIDE}, resample=3
    )
    return _write(folder, DeiTModel(DeiTConfig(**_VIT)), processor)


def dinov2(folder: Path) -> Path:
    from transformers import Dinov2Config, Dinov2Model

    return _write(folder, Dinov2Model(Dinov2Config(**_DINO)), _crop(41, resample=3))


def dinov2_registers(folder: Path) -> Path:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    return _write(folder, Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**_DINO)), _crop(36))


def dinov3(folder: Path) -> Path:
    from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor, DINOv3ViTModel

    config = DINOv3ViTConfig(**_VIT, num_register_tokens=4)
    return _write(
        folder, DINOv3ViTModel(config), DINOv3ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    )


def swin(folder: Path) -> Path:
    from transformers import SwinConfig, SwinModel

    config = SwinConfig(
        image_size=SIDE, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4
    )
    return _write(folder, SwinModel(config), _squash(resample=3))


def convnext(folder: Path) -> Path:
    from transformers import ConvNextConfig, ConvNextImageProcessor, ConvNextModel

    config = ConvNextConfig(hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], image_size=SIDE)
    return _write(folder, ConvNextModel(config), ConvNextImageProcessor(size={"shortest_edge": SIDE}))


def resnet(folder: Path) -> Path:
    from transformers import ConvNextImageProcessor, ResNetConfig, ResNetModel

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1])
    return _write(folder, ResNetModel(config), ConvNextImageProcessor(size={"shortest_edge": 64}))


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    crop = {"height": SIDE, "width": SIDE}
    text = {
        **_TEXT,
        "max_position_embeddings": 77,
        "bos_token_id": 188,
        "eos_token_id": 189,
        "pad_token_id": 189,
    }
    config = CLIPConfig(vision_config=_VIT, text_config=text, projection_dim=24)
    clip_tokenizer(folder)
    return _write(folder, CLIPModel(config), CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=crop))


def clip_vision(folder: Path) -> Path:
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    crop = {"height": SIDE, "width": SIDE}
    config = CLIPVisionConfig(**_VIT, projection_dim=24)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=crop)
    return _write(folder, CLIPVisionModelWithProjection(config), processor)


def siglip(folder: Path) -> Path:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    text = {
        **_TEXT,
        "max_position_embeddings": 64,
        "bos_token_id": 188,
        "eos_token_id": 189,
        "pad_token_id": 189,
    }
    clip_tokenizer(folder, 64)  # any tokenizer: what counts is how it is called
    processor = SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    return _write(folder, SiglipModel(SiglipConfig(vision_config=_VIT, text_config=text)), processor)


TRANSFORMERS: dict[str, Callable[[Path], Path]] = {
    "vit": vit, "vit classifier": vit_classifier, "deit": deit, "dinov2": dinov2, "dinov2 registers": dinov2_registers,
    "dinov3": dinov3, "swin": swin, "convnext": convnext, "resnet": resnet, "clip": clip, "clip vision": clip_vision,
    "siglip": siglip,
}  # fmt: skip


def _open_clip(folder: Path, vision: dict[str, Any], side: int = SIDE, mode: str = "shortest") -> Path:
    import open_clip
    from safetensors.torch import save_file

    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    model = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=text)
    folder.mkdir(exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    prepared = {
        "size": [side, side], "mean": [0.48, 0.45, 0.4], "std": [0.26, 0.26, 0.27], "interpolation": "bicubic",
        "resize_mode": mode,
    }  # fmt: skip
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": prepared})
    )
    return folder


_OPEN_CLIP_VIT = {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8}

OPEN_CLIP: dict[str, Callable[[Path], Path]] = {
    "open_clip vit": lambda folder: _open_clip(folder, _OPEN_CLIP_VIT),
    "open_clip squash": lambda folder: _open_clip(folder, _OPEN_CLIP_VIT, mode="squash"),
    "open_clip resnet": lambda folder: _open_clip(
        folder, {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    ),
}


def _timm(folder: Path, architecture: str) -> Path:
    import timm
    from timm.models._hub import save_for_hf

    save_for_hf(timm.create_model(architecture, num_classes=0), str(folder), safe_serialization=True)
    return folder


TIMM: dict[str, Callable[[Path], Path]] = {
    "timm vit": lambda folder: _timm(folder, "test_vit"),
    "timm resnet": lambda folder: _timm(folder, "test_resnet"),
}


def sentence_clip(folder: Path) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    inner = folder.with_name(f"{folder.name}-inner")
    clip(inner)
    SentenceTransformer(modules=[Transformer(str(inner))], device="cpu").save_pretrained(str(folder))
    return folder


def sentence_legacy_clip(folder: Path) -> Path:
    """As the CLIP models of sbert.net lie on the hub: the encoder in a folder of its own."""
    clip(folder / "0_CLIPModel") if folder.mkdir() is None else None
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module]))
    return folder


SENTENCE: dict[str, Callable[[Path], Path]] = {
    "sentence-transformers clip": sentence_clip,
    "sentence-transformers legacy clip": sentence_legacy_clip,
}

ALL = {**TRANSFORMERS, **OPEN_CLIP, **TIMM, **SENTENCE}


def make(name: str, folder: Path) -> Path:
    """Write the model of this name; random weights from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ALL[name](folder)


def transformers_source(folder: Path) -> tuple[Any, Any]:
    """What transformers makes of images, and of its network's input."""
    import transformers

    processor = transformers.AutoImageProcessor.from_pretrained(folder)

    def pixels(image: Image.Image) -> torch.Tensor:
        return processor(images=[image], return_tensors="pt")["pixel_values"][0]

    if "vision" in folder.name:
        model = transformers.CLIPVisionModelWithProjection.from_pretrained(folder).eval()
        return pixels, lambda inputs: model(pixel_values=inputs).image_embeds
    model = transformers.AutoModel.from_pretrained(folder).eval()
    if hasattr(model, "get_image_features"):
        return pixels, lambda inputs: model.get_image_features(pixel_values=inputs).pooler_output
    if "classifier" in folder.name:  # no pooler was trained: its classifier stands on the class token
        return pixels, lambda inputs: model(pixel_values=inputs).last_hidden_state[:, 0]
    return pixels, lambda inputs: model(pixel_values=inputs).pooler_output.flatten(1)


def source(name: str, folder: Path) -> tuple[Any, Any]:
    """What the library of a model makes of an image, and its vectors of the network's input."""
    if name in TRANSFORMERS:
        return transformers_source(folder)
    if name in OPEN_CLIP:
        import open_clip

        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
        return transform, model.eval().encode_image
    if name in TIMM:
        import timm

        model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
        return timm.data.create_transform(**timm.data.resolve_data_config({}, model=model)), model
    import sentence_transformers

    encoder = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    pixels, _ = transformers_source(folder / "0_CLIPModel" if "legacy" in name else folder)
    return pixels, encoder


class _Means(torch.nn.Module):
    """Four means per channel: a module of a user's own."""

    preprocessing = {"resize_px": 32, "crop_px": 32}  # noqa: RUF012 - as users write it

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(inputs, 2).flatten(1)


def means() -> torch.nn.Module:
    """For ``torch:tiny_models:means``."""
    return _Means()


def kinds(root: Path) -> dict[str, Any]:
    """One model of every kind that ``likewise.load`` takes, by the row of the table of kinds."""
    import likewise
    from likewise.models import ModelSpec, SimilarityModel, build, export
    from likewise.models.external.address import AddressNetwork
    from likewise.models.external.json_service import JsonService

    run = build(ModelSpec(backbone="test_resnet", dim=8))
    export(run, root / "run.onnx")
    likewise.load("likewise:small").embed(photos()).save(root / "photos.npz")
    address = "http://127.0.0.1:9/embed"
    network = AddressNetwork(JsonService(address), None)
    return {
        "a Run, or a folder of `save`": run,
        "the same with an AVSL head": build(ModelSpec(backbone="test_resnet", head="avsl")),
        "`likewise:small`": likewise.load("likewise:small"),
        "`timm:`, convolutional": likewise.load(make("timm resnet", root / "timm-resnet")),
        "`timm:`, transformer": likewise.load(make("timm vit", root / "timm-vit")),
        "`hf:` or folder, transformers": likewise.load(make("dinov2", root / "dinov2")),
        "`hf:` or folder, transformers with text": likewise.load(make("clip", root / "clip")),
        "`hf:` or folder, sentence-transformers": likewise.load(
            make("sentence-transformers legacy clip", root / "sentence")
        ),
        "`open_clip:` or folder": likewise.load(make("open_clip vit", root / "open-clip")),
        "`onnx:`": likewise.load(f"onnx:{root / 'run.onnx'}"),
        "`torch:`": likewise.load("torch:tiny_models:means"),
        "`http:`, `https:`": SimilarityModel(network, run.preprocessing, dim=8, name=address, identity="0"),
        "`vectors:`": likewise.load(f"vectors:{root / 'photos.npz'}"),
    }
