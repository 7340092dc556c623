"""Heads and proxies that start from the training images, against scikit-learn."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from likewise.errors import ConfigError
from likewise.training import initialization
from likewise.training.initialization import class_mean_vectors, principal_head, whitened_head
from likewise.training.pca import whitening_weights


def features(rows: int, columns: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, columns, generator=generator) * torch.arange(1, columns + 1) + 3


def distances(rows: torch.Tensor) -> torch.Tensor:
    return torch.cdist(rows, rows) / torch.cdist(rows, rows).mean()


@pytest.mark.parametrize("bias", [True, False])
def test_a_principal_head_is_the_pca_of_scikit_learn_in_the_size_of_a_random_one(bias: bool) -> None:
    rows, head = features(20, 5), nn.Linear(5, 3, bias=bias)
    size = float(head.weight.detach().norm())
    principal_head(head, rows)
    reference = torch.from_numpy(PCA(3).fit_transform(rows.double().numpy())).float()
    mapped = head(rows).detach()
    torch.testing.assert_close(distances(mapped), distances(reference), atol=1e-4, rtol=0)
    assert float(head.weight.detach().norm()) == pytest.approx(size, rel=1e-5)
    assert (float(mapped.mean(0).abs().max()) < 1e-4) is bias


@pytest.mark.parametrize(
    "make", [principal_head, lambda head, rows: whitened_head(head, rows, torch.zeros(9))]
)
def test_a_start_from_the_images_needs_a_head(make: Any) -> None:
    kind = "pca" if make is principal_head else "whitened"
    with pytest.raises(ConfigError) as refused:
        make(nn.Identity(), features(9, 4))
    assert str(refused.value) == (
        f"start.head is '{kind}', but model.dim is null, so there is no head: set -o start.head=random."
    )


def test_whitening_evens_out_the_scatter_within_classes() -> None:
    rows, labels = features(60, 4), torch.arange(60) % 3
    weights, center = whitening_weights(rows, labels, 4, shrinkage=1e-9)
    mapped = (rows.double() - center) @ weights.T
    within = torch.cat([mapped[labels == code] - mapped[labels == code].mean(0) for code in range(3)])
    covariance = within.T @ within / (60 - 3)
    inside = torch.cat([rows[labels == code] - rows[labels == code].mean(0) for code in range(3)]).double()
    variance = float(torch.diagonal(inside.T @ inside / (60 - 3)).mean())
    torch.testing.assert_close(
        covariance, torch.eye(4, dtype=torch.float64) * variance, atol=1e-4 * variance, rtol=0
    )
    torch.testing.assert_close(center, rows.double().mean(0))
    strong = whitening_weights(rows, labels, 4, shrinkage=1e9)[0]
    torch.testing.assert_close(strong, torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0)
    few, _ = whitening_weights(rows, labels, 2, shrinkage=1e-9)
    reference = PCA(2).fit_transform(((rows.double() - center) @ weights.T).numpy())
    torch.testing.assert_close(
        distances((rows.double() - center) @ few.T), distances(torch.from_numpy(reference)), atol=1e-6, rtol=0
    )
    usual = whitening_weights(rows, labels, 4)[0]
    torch.testing.assert_close(usual, whitening_weights(rows, labels, 4, 10.0)[0])


def test_one_image_per_class_leaves_nothing_to_whiten() -> None:
    weights, center = whitening_weights(features(5, 4), torch.arange(5), 3)
    assert weights.equal(torch.eye(4, dtype=torch.float64)[:3]) and center.shape == (4,)


@pytest.mark.parametrize("transposed", [False, True])
def test_proxies_lie_at_the_means_and_keep_their_length(transposed: bool) -> None:
    loss, labels = nn.Module(), torch.tensor([0, 0, 2, 2, 2])
    before = torch.tensor([[3.0, 4.0], [0.0, 7.0], [9.0, 0.0]])
    loss.vectors = nn.Parameter(before.T.clone() if transposed else before.clone())
    embeddings = nn.functional.normalize(features(5, 2), dim=1)
    class_mean_vectors(loss, embeddings, labels, 3)
    vectors = loss.vectors.detach().T if transposed else loss.vectors.detach()
    for code in (0, 2):
        mean = embeddings[labels == code].mean(0).numpy()
        np.testing.assert_allclose(vectors[code].numpy(), mean / np.linalg.norm(mean) * 7.0, rtol=1e-5)
    assert vectors[1].tolist() == [0.0, 7.0], "a class without an image keeps its vector"


def test_proxies_are_refused_where_no_single_vector_per_class_is() -> None:
    loss = nn.Module()
    loss.vectors, loss.others = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 2))
    for wrong in (nn.Module(), loss):
        with pytest.raises(
            ConfigError, match=r"start.proxies is 'class-means', but this loss has no single vector"
        ):
            class_mean_vectors(wrong, torch.ones(2, 2), torch.tensor([0, 1]), 3)


def test_a_head_may_be_as_wide_as_the_features_and_the_images_allow() -> None:
    for rows, columns, limit in ((9, 4, 4), (4, 9, 3)):
        principal_head(nn.Linear(columns, limit), features(rows, columns))
        with pytest.raises(ConfigError) as refused:
            principal_head(nn.Linear(columns, limit + 1), features(rows, columns))
        assert str(refused.value) == (
            f"start.head is 'pca' with model.dim {limit + 1}, but {rows} images with {columns} features have at most "
            f"{limit} components: set -o model.dim={limit}."
        )
    labels = torch.arange(9) % 3
    whitened_head(nn.Linear(4, 4), features(9, 4), labels)
    with pytest.raises(
        ConfigError, match=r"model.dim 5, but the backbone has 4 features: set -o model.dim=4\.$"
    ):
        whitened_head(nn.Linear(4, 5), features(9, 4), labels)


@pytest.mark.parametrize(("images", "most", "read"), [(200, 130, 130), (200, 64, 64), (70, 130, 70)])
def test_a_start_looks_at_no_more_images_than_asked(
    monkeypatch: pytest.MonkeyPatch, images: int, most: int, read: int
) -> None:
    """Of the whole set, in the order of the files; batches without a readable image are passed over."""
    passes, empty = list[list[list[int]]](), set[int]()

    class Given(list):
        images, labels = torch.ones(1), torch.ones(1)

    def loader(dataset: Any, batch_sampler: list[list[int]]) -> Any:
        passes.append(batch_sampler)
        return [Given([] if place in empty else rows) for place, rows in enumerate(batch_sampler)]

    monkeypatch.setattr(initialization, "make_loader", loader)
    model: Any = SimpleNamespace(network=nn.Module(), device="cpu")
    batches = [list(initialization._pixels(model, range(images), seed, most)) for seed in (0, 0, 1)]
    chosen = [[row for rows in each for row in rows] for each in passes]
    assert not model.network.training and {len(each) for each in batches} == {-(-read // 64)}
    assert all(each == sorted(set(each)) and len(each) == read for each in chosen)
    assert {len(rows) for rows in passes[0][:-1]} <= {64} and chosen[0] == chosen[1]
    assert (chosen[0] != chosen[2]) is (read < images)
    assert max(chosen[0]) > min(images - 1, 150) - 10, "not the first ones"
    empty.add(0)
    assert len(list(initialization._pixels(model, range(images), 0, most))) == -(-read // 64) - 1
