"""Embeddings of vision transformers, taken apart over image tokens, against torch's own derivative and by hand."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from likewise.data import Preprocessing
from likewise.errors import ModelError
from likewise.explain.token_parts import token_parts
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.embedder import ExternalEmbedder, SimilarityNetwork, output_dim
from likewise.models.timm_backbone import TimmBackbone
from likewise.models.token_trace import shared_copy

SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 16,
}
TIMM = ["test_vit", "test_vit2", "test_vit3", "test_vit4"]


class _Read(nn.Module):
    """A foreign network and what is read from its output."""

    def __init__(self, network: nn.Module, read: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self._read = read

    def forward(self, inputs: Tensor) -> Tensor:
        return self._read(self.network, inputs)


def randomised(network: nn.Module) -> nn.Module:
    """Fresh networks have zero biases, unit scales and tiny weights, which would hide errors."""
    generator = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        weight.data += (0.1 if weight.dim() == 1 else 0.05) * torch.randn(weight.shape, generator=generator)
    return network


def foreign(network: nn.Module, read: Callable[[Any, Tensor], Tensor], side: int = 64) -> SimilarityModel:
    prepared = Preprocessing(resize_px=side, crop_px=side)
    whole = SimilarityNetwork(prepared, ExternalEmbedder(_Read(randomised(network), read))).eval()
    return SimilarityModel(whole, prepared, dim=output_dim(whole, side), name="foreign")


def timm_model(name: str) -> SimilarityModel:
    model = build(ModelSpec(backbone=name, pooling=TimmBackbone(name).native_pooling, dim=None))
    randomised(model.network)
    return model


def pixels(model: SimilarityModel, count: int = 2) -> Tensor:
    side = model.preprocessing.crop_px
    values = torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(1))
    values[0, :, : side // 2] //= 4
    return values.to(torch.uint8)


def transformers_cases() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Name to class, configuration, and what is read."""
    mlp = {"intermediate_size": 96}
    return {
        "class token": ("ViTModel", SMALL | mlp, "class"),
        "mean of tokens": ("ViTModel", SMALL | mlp, "mean"),
        "class token and mean": ("Dinov2Model", SMALL, "both"),
        "gated MLP": ("Dinov2Model", SMALL | {"use_swiglu_ffn": True}, "pooler"),
        "registers": ("Dinov2WithRegistersModel", SMALL, "pooler"),
        "rotary positions": ("DINOv3ViTModel", SMALL | mlp, "pooler"),
        "CLIP": ("CLIPVisionModelWithProjection", SMALL | mlp | {"projection_dim": 20}, "projection"),
        "attention pooling": ("SiglipVisionModel", SMALL | mlp, "pooler"),
        "distilled": ("DeiTModel", SMALL | mlp, "class"),
    }


def _class_and_mean(tokens: Tensor) -> Tensor:
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)


READ: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "class": lambda net, x: net(x).last_hidden_state[:, 0],
    "mean": lambda net, x: net(x).last_hidden_state[:, 1:].mean(1),
    "both": lambda net, x: _class_and_mean(net(x).last_hidden_state),
    "pooler": lambda net, x: net(x).pooler_output,
    "projection": lambda net, x: net(x).image_embeds,
}


def from_transformers(case: str) -> SimilarityModel:
    library = pytest.importorskip("transformers")
    name, settings, read = transformers_cases()[case]
    kind = getattr(library, name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kind(kind.config_class(**settings))
    return foreign(network, READ[read])


def assert_adds_up(model: SimilarityModel) -> None:
    images = pixels(model)
    expected = model.vectors(images)
    for taken, vector in zip(token_parts(model, images), expected, strict=True):
        np.testing.assert_allclose(taken.embedding.numpy(), vector, rtol=0, atol=1e-5)
        assert taken.parts.shape == (taken.grid[0] * taken.grid[1], model.dim)
        assert float(taken.parts.norm(dim=1).min()) > 0
        np.testing.assert_allclose(sum(taken.rest.values()).numpy(), taken.bias.numpy(), atol=1e-12)


@pytest.mark.parametrize("case", list(transformers_cases()))
def test_parts_and_rest_sum_to_the_embedding_of_transformers(case: str) -> None:
    assert_adds_up(from_transformers(case))


@pytest.mark.parametrize("name", TIMM)
def test_parts_and_rest_sum_to_the_embedding_of_timm(name: str) -> None:
    assert_adds_up(timm_model(name))


def test_a_text_tower_does_not_get_in_the_way() -> None:
    library = pytest.importorskip("transformers")
    text = {"hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4, "intermediate_size": 64,
            "vocab_size": 60, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
    vision = SMALL | {"intermediate_size": 96}
    config = library.CLIPConfig(vision_config=vision, text_config=text, projection_dim=20)

    def read(network: Any, inputs: Tensor) -> Tensor:
        projected: Tensor = network.visual_projection(network.vision_model(inputs).pooler_output)
        return projected

    assert_adds_up(foreign(library.CLIPModel(config), read))


def test_parts_of_a_class_token_are_what_torch_differentiates() -> None:
    """Value times slope, with attention weights, MLPs and the last norm held: another way to the same parts."""
    model = timm_model("test_vit")
    images = pixels(model, 1)
    direction = torch.randn(model.dim, generator=torch.Generator().manual_seed(2))
    expected = _values_times_slopes(model, images, direction)
    (taken,) = token_parts(model, images)
    np.testing.assert_allclose((taken.parts @ direction.double()).numpy(), expected, rtol=1e-4, atol=1e-6)


def _values_times_slopes(model: SimilarityModel, images: Tensor, direction: Tensor) -> np.ndarray:
    """Forward pass of timm's VisionTransformer written out; the class token collects what is kept as leaves."""
    network: Any = model.network.embedder.backbone.network
    inputs = model.network.normalization(images)
    with torch.no_grad():
        tokens = network.norm_pre(network._pos_embed(network.patch_embed(inputs)))
    collected, leaves = tokens[:, 0], []
    with torch.enable_grad():
        for block in network.blocks:
            attention = block.attn
            normed = block.norm1(tokens).detach()
            query, key, value = (
                attention.qkv(normed)
                .reshape(1, normed.shape[1], 3, attention.num_heads, -1)
                .permute(2, 0, 3, 1, 4)
            )
            weights = (query * attention.scale @ key.transpose(-2, -1)).softmax(-1).detach()
            leaf = value.detach().requires_grad_(True)
            leaves.append(leaf)
            joined = (weights[:, :, :1] @ leaf).transpose(1, 2).flatten(2)
            collected = collected + block.ls1(attention.proj(joined))[:, 0]
            with torch.no_grad():
                before = tokens + block.ls1(attention(block.norm1(tokens)))
                mlp = block.ls2(block.mlp(block.norm2(before)))
                tokens = before + mlp
            collected = collected + mlp[:, 0]
        torch.testing.assert_close(collected, tokens[:, 0], rtol=1e-4, atol=1e-4)
        norm = network.norm
        spread = collected.detach().var(-1, unbiased=False, keepdim=True) + norm.eps
        last = (collected - collected.mean(-1, keepdim=True)) / spread.sqrt() * norm.weight + norm.bias
        vector = network.fc_norm(last)
        shared = (vector / vector.norm().detach()) @ direction
        slopes = torch.autograd.grad(shared.sum(), leaves)
    of_tokens = sum((leaf * slope).sum((1, 3)) for leaf, slope in zip(leaves, slopes, strict=True))
    return of_tokens[0, network.num_prefix_tokens :].detach().double().numpy()


def test_a_mean_of_tokens_gives_each_token_its_share() -> None:
    model = from_transformers("mean of tokens")
    images = pixels(model, 1)
    network: Any = model.network
    with torch.no_grad():
        hidden = network.embedder.module.network(network.normalization(images)).last_hidden_state[0, 1:]
    norm = network.embedder.module.network.layernorm
    length = hidden.mean(0).norm()
    # What each token adds is its normalised value without the bias of the norm, which has no place.
    expected = (hidden - norm.bias) / len(hidden) / length
    (taken,) = token_parts(model, images)
    np.testing.assert_allclose(taken.parts.numpy(), expected.detach().numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(taken.bias.numpy(), (norm.bias / length).detach().numpy(), rtol=0, atol=1e-6)


def test_rows_follow_the_image() -> None:
    """What is hidden in one patch of the first layer changes the token of that patch, not its mirror image."""
    model = from_transformers("mean of tokens")
    images = pixels(model, 1).repeat(2, 1, 1, 1)
    images[1, :, 16:32, 48:] = 0  # row 1, column 3 of 4 x 4
    plain, changed = token_parts(model, images)
    change = (changed.parts - plain.parts).norm(dim=1).reshape(4, 4)
    assert tuple(np.unravel_index(int(change.argmax()), (4, 4))) == (1, 3)


class _PostNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.attn = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm1(tokens + self.attn(tokens, tokens, tokens, need_weights=False)[0])
        added: Tensor = self.norm2(tokens + self.mlp(tokens))
        return added


class _PreNorm(_PostNorm):
    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        added: Tensor = tokens + self.mlp(self.norm2(tokens))
        return added


class _Patches(nn.Module):
    def __init__(self, block: type[nn.Module], tail: nn.Module | None = None) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 16, 8, 8)
        self.blocks = nn.Sequential(block(), block())
        self.tail = tail or nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.blocks(self.cut(inputs).flatten(2).transpose(1, 2))
        mean: Tensor = self.tail(tokens.mean(1))
        return mean


def test_packed_attention_of_torch_is_taken_apart() -> None:
    assert_adds_up(foreign(_Patches(_PreNorm), lambda net, x: net(x), 32))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (_Patches(_PostNorm), "not pre-norm"),
        (_Patches(_PreNorm, nn.Tanh()), "not linear"),
        (nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten()), "no transformer blocks"),
    ],
    ids=["post-norm", "tanh pooler", "CNN"],
)
def test_another_form_is_refused_with_a_reason(network: nn.Module, words: str) -> None:
    model = foreign(network, lambda net, x: net(x), 32)
    with pytest.raises(ModelError, match=words):
        token_parts(model, pixels(model))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("depths", [[1, 1], [2, 2]])
def test_swin_is_refused(depths: list[int], count: int) -> None:
    library = pytest.importorskip("transformers")
    config = library.SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=depths, num_heads=[2, 2], window_size=4
    )
    model = foreign(library.SwinModel(config), READ["pooler"])
    with pytest.raises(ModelError, match=r"in 2 transformer blocks|not pre-norm"):
        token_parts(model, pixels(model, count))


def test_the_network_is_left_as_it_was_and_threads_do_not_meet() -> None:
    model = timm_model("test_vit")
    images = pixels(model, 4)
    before = model.vectors(images)
    alone = [token_parts(model, image[None])[0].parts for image in images]
    found: dict[int, Tensor] = {}

    def work(number: int) -> None:
        found[number] = token_parts(model, images[number][None])[0].parts

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, parts in enumerate(alone):
        torch.testing.assert_close(found[number], parts, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.vectors(images), before)
    assert not any(module._forward_hooks for module in model.network.modules())


def test_a_copy_shares_its_weights() -> None:
    model = timm_model("test_vit")
    twin = shared_copy(model.network)
    pairs = zip(model.network.parameters(), twin.parameters(), strict=True)
    assert all(own is other for own, other in pairs)
