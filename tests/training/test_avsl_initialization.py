"""Where an AVSL training starts: every level as a plain head would, proxies at class means, links measured."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from likewise import load, train
from likewise.avsl import initialization
from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.avsl.maps import pooled
from likewise.errors import ConfigError
from likewise.models import ModelSpec, build
from likewise.training import Experiment
from likewise.training.dataloaders import make_dataloaders
from likewise.training.images import training_images
from likewise.training.initialization import initialize_from_images
from likewise.training.preparation import make_module

AVSL = {"levels": [-3, -2, "final"], "dim": 16, "topk": 4, "pooling": "avg"}


@pytest.fixture
def leveled(small: Experiment) -> Experiment:
    values = small.model_dump(mode="json")
    values["model"] |= {"head": "avsl", "avsl": AVSL, "backbone": "test_efficientnet"}
    values["loss"] = {"name": "avsl_proxy_anchor"}
    return Experiment.parse(values)


def started(settings: Experiment, **start: str):
    settings = settings.model_copy(update={"start": settings.start.model_copy(update=start)})
    images = training_images(settings)
    model = build(settings.model, seed=settings.seed)
    inputs = make_dataloaders(settings, images, model.preprocessing, rank=0, world_size=1)
    module = make_module(settings, model, inputs.num_classes)
    initialize_from_images(settings.start, model, module.loss, inputs.plain, seed=settings.seed)
    pixels = torch.stack([inputs.plain[row].image for row in range(len(inputs.plain))])
    return model, module.loss.loss, pixels, torch.from_numpy(inputs.plain.label_codes)


def test_distances_of_a_level_are_those_of_its_principal_components(leveled: Experiment) -> None:
    """Against scikit-learn's PCA; also where a level has fewer channels than nodes."""
    from sklearn.decomposition import PCA

    values = leveled.model_dump(mode="json")
    values["model"]["avsl"] |= {"dim": 40}
    model, _, pixels, _ = started(Experiment.parse(values), head="pca")
    head = model.network.embedder.head
    narrow = 0
    with torch.no_grad():
        images = model.network.feature_maps(pixels)
        flat = head.distance().unpack(model.network(pixels))
    for level, maps in enumerate(images):
        features = pooled(maps, "avg")
        narrow += features.shape[1] < 40
        components = PCA(min(40, features.shape[1])).fit_transform(features.double().numpy())
        expected = normalize(torch.from_numpy(components), dim=1).float()
        found = flat.embeddings[level]
        torch.testing.assert_close(
            torch.cdist(found, found), torch.cdist(expected, expected), atol=2e-3, rtol=0
        )
    assert narrow, "one level has fewer channels than nodes"


def test_the_top_level_is_the_plain_embedder_of_the_same_start(leveled: Experiment) -> None:
    model, _, pixels, _ = started(leveled, head="pca")
    values = leveled.model_dump(mode="json")
    values["model"] |= {"head": "linear", "avsl": None, "dim": 16}
    values["loss"] = {"name": "proxy_anchor"}
    plain, _, _, _ = started(Experiment.parse(values), head="pca")
    with torch.no_grad():
        top = model.network.embedder.head.distance().unpack(model.network(pixels)).embeddings[-1]
        torch.testing.assert_close(top, plain.network(pixels), atol=1e-4, rtol=0)


def test_proxies_lie_at_class_means_of_every_level(leveled: Experiment) -> None:
    model, loss, pixels, labels = started(leveled, proxies="class-means")
    with torch.no_grad():
        flat = model.network.embedder.head.distance().unpack(model.network(pixels))
    for level, proxies in enumerate(loss.proxies):
        for code in range(6):
            mean = flat.embeddings[level][labels == code].mean(dim=0)
            torch.testing.assert_close(
                normalize(proxies[code], dim=0), normalize(mean, dim=0), atol=1e-4, rtol=0
            )


def test_links_are_there_before_the_first_step_also_with_a_random_head(leveled: Experiment) -> None:
    model, _, _, _ = started(leveled)
    assert bool(model.network.embedder.head.links.started)


def test_class_means_need_proxies(leveled: Experiment) -> None:
    margin = Experiment.parse({**leveled.model_dump(mode="json"), "loss": {"name": "avsl_margin"}})
    with pytest.raises(ConfigError, match="no vector per class and level: set it to 'random'"):
        started(margin, proxies="class-means")


def test_a_level_with_more_nodes_than_images_keeps_all_distances(leveled: Experiment) -> None:
    """48 images have 47 components; the directions beyond are those in which none of them varies."""
    values = leveled.model_dump(mode="json")
    values["model"]["avsl"] |= {"dim": 64}
    model, _, pixels, _ = started(Experiment.parse(values), head="pca")
    head = model.network.embedder.head
    with torch.no_grad():
        features = pooled(model.network.feature_maps(pixels)[1].float(), "avg")
        projected = torch.nn.functional.linear(
            features, head.projections[1].weight.flatten(1), head.projections[1].bias
        )
    before, after = torch.cdist(features, features), torch.cdist(projected, projected)
    ratio = (after / before)[before > 1e-3]
    assert float(ratio.std() / ratio.mean()) < 1e-3


@pytest.mark.parametrize("loss", ["avsl_proxy_anchor", "avsl_margin"])
def test_an_avsl_training_runs_resumes_and_loads(leveled: Experiment, tmp_path: Path, loss: str) -> None:
    options = ["trainer.max_epochs=2", "sampler.iterations=2", f"loss.name={loss}", "validation.keep=trained"]
    if loss == "avsl_proxy_anchor":
        options += ["start.head=pca", "start.proxies=class-means"]
    run = train(leveled, options, out=tmp_path / "run", progress=False)
    assert run.metrics["original/map@r"].notna().all()
    model = load(str(run.folder))
    assert model.distance == "avsl"
    assert model.network.embedder.head.distance().levels == 3


def test_reliabilities_train_at_the_rate_of_the_proxies(leveled: Experiment) -> None:
    model = build(ModelSpec.model_validate(leveled.model), seed=0)
    groups = {group["name"]: group for group in make_module(leveled, model, 6).make_optimizer().param_groups}
    reliability = {id(weight) for weight in model.network.embedder.head.reliability.parameters()}
    assert reliability <= {id(weight) for weight in groups["loss"]["params"]}
    every = [id(weight) for group in groups.values() for weight in group["params"]]
    assert len(every) == len(set(every))


def test_principal_levels_keep_the_size_of_a_usual_start_and_map_the_mean_to_zero() -> None:
    head = AVSLHead([6, 3], AVSLSpec(levels=2, dim=4, topk=2))
    before = [float(level.weight.detach().norm()) for level in head.projections]
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(20, channels, generator=generator) + 5 for channels in (6, 3)]
    initialization._principal_levels(head, features, 0)
    for level, values, size in zip(head.projections, features, before, strict=True):
        assert float(level.weight.detach().norm()) == pytest.approx(size, rel=1e-5)
        made = torch.nn.functional.linear(values, level.weight.flatten(1), level.bias)
        torch.testing.assert_close(made.mean(0), torch.zeros(4), atol=1e-4, rtol=0)


def test_each_narrow_level_has_its_own_frame() -> None:
    """Of the given seed: orthonormal columns, no two levels with the same one, wide levels without any."""

    def weights(seed: int) -> list[torch.Tensor]:
        head = AVSLHead([3, 3, 9], AVSLSpec(levels=(-3, -2, -1), dim=5, topk=2))
        features = [torch.randn(40, count, generator=torch.Generator().manual_seed(1)) for count in (3, 3, 9)]
        initialization._principal_levels(head, features, seed)
        return [each.weight.detach().flatten(1) for each in head.projections]

    first, second, wide = weights(0)
    torch.testing.assert_close(first.T @ first, torch.eye(3) * first.norm() ** 2 / 3, atol=1e-4, rtol=0)
    assert not torch.allclose(first / first.norm(), second / second.norm(), atol=0.1)
    assert all(torch.equal(*pair) for pair in zip(weights(0), (first, second, wide), strict=True))
    other, _, same = weights(1)
    assert not torch.allclose(other, first, atol=0.01) and torch.equal(same, wide)
