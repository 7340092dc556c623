import json
import tracemalloc
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from likewise.audit import Training, agreement, agreement_of_stores, agreement_of_sweep
from likewise.audit.saliency_agreement.baselines import center_prior, edge_maps, randomized_model
from likewise.audit.saliency_agreement.groups import group_test
from likewise.audit.saliency_agreement.result import PairAgreement
from likewise.audit.saliency_agreement.statistics import correlation, fisher_mean, jensen_shannon
from likewise.audit.saliency_agreement.stream import AgreementTotals
from likewise.data import Catalog, Preprocessing, sample_rows
from likewise.errors import ConfigError, InputError, ModelError
from likewise.explain import SaliencySettings, SaliencyStore
from likewise.files import write_json
from likewise.models import SimilarityModel, build
from likewise.models.spec import ModelSpec
from likewise.report import Report
from likewise.training import sweep


def write_store(
    folder: Path, maps: np.ndarray, ids: list[str] | None = None, shard: int = 5
) -> SaliencyStore:
    """A store of the given maps, without a model."""
    folder.mkdir(parents=True)
    names = []
    for number, start in enumerate(range(0, len(maps), shard)):
        names.append(f"{number:05d}.npy")
        np.save(folder / names[-1], np.round(maps[start : start + shard] * 255).astype(np.uint8))
    write_json(folder / "saliency.json", {
        "form": 1, "model": folder.name, "model_fingerprint": folder.name, "settings": SaliencySettings().model_dump(),
        "preprocessing": {"resize_px": 11, "crop_px": 9},
        "kind": "uint8", "shape": list(maps.shape[1:]), "catalog_fingerprint": "", "shards": names,
        "ids": ids or [f"{n}.png" for n in range(len(maps))],
        "counts": [len(maps[start : start + shard]) for start in range(0, len(maps), shard)],
    })  # fmt: skip
    return SaliencyStore.open(folder)


def random_maps(seed: int, images: int = 13) -> np.ndarray:
    """Maps with zeros, and of very different sums."""
    generator = np.random.default_rng(seed)
    maps = generator.gamma(0.3, size=(images, 9, 11)) * (generator.random((images, 9, 11)) > 0.2)
    return (maps / maps.max((1, 2), keepdims=True)).astype(np.float32)


@pytest.fixture
def stores(tmp_path) -> dict[str, SaliencyStore]:
    common = random_maps(0)
    mixed = {f"model {n}": 0.6 * common + 0.4 * random_maps(n + 1) for n in range(3)}
    return {name: write_store(tmp_path / name, maps) for name, maps in mixed.items()}


def test_streaming_gives_what_the_functions_give(stores):
    audit = agreement_of_stores(stores)
    assert [(pair.a, pair.b) for pair in audit.pairs] == list(combinations(stores, 2))
    for pair in audit.pairs:
        a, b = (stores[name].read(0, 99) for name in (pair.a, pair.b))
        expected = fisher_mean(correlation(a, b))
        for name in ("mean", "low", "high", "published_deviation"):
            assert getattr(pair.correlation, name) == pytest.approx(getattr(expected, name), abs=1e-5)
        assert pair.correlation.count == 13
        divergences = jensen_shannon(a, b)
        assert pair.divergence == pytest.approx(divergences.mean(), rel=1e-4)
        assert pair.divergence_std == pytest.approx(divergences.std(), rel=1e-3)
    assert audit.matrix()[0, 1] == audit.pairs[0].correlation.mean and audit.matrix("divergence")[1, 1] == 0


@pytest.mark.parametrize("blocks", [[13], [1] * 13, [4, 4, 5]])
def test_how_images_are_dealt_into_blocks_does_not_matter(blocks):
    maps = np.stack([random_maps(seed) for seed in range(3)])
    whole, parts = AgreementTotals.every_pair(3), AgreementTotals.every_pair(3)
    whole.add(maps, 0)
    start = 0
    for size in blocks:
        parts.add(maps[:, start : start + size], start)
        start += size
    for one, other in zip(whole.correlations(), parts.correlations(), strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-6) and one.high == pytest.approx(
            other.high, abs=1e-5
        )
    np.testing.assert_allclose(whole.divergences(), parts.divergences(), rtol=1e-5)
    assert [image for _, image in whole.lowest] == [image for _, image in parts.lowest]


def test_nearly_equal_maps_keep_their_small_divergence():
    maps = random_maps(0, 4)
    other = maps * (1 + 1e-3 * np.random.default_rng(1).standard_normal(maps.shape).astype(np.float32))
    totals = AgreementTotals.every_pair(2)
    totals.add(np.stack([maps, other]), 0)
    expected = jensen_shannon(maps, other).mean()
    assert 0 < expected < 1e-5 and totals.divergences()[0][0] == pytest.approx(expected, rel=1e-3)


def test_constant_and_empty_maps_are_counted_not_averaged():
    maps = np.stack([random_maps(0, 3), random_maps(1, 3)])
    maps[0, 1] = 0.4
    maps[1, 2] = 0.0
    totals = AgreementTotals.every_pair(2)
    totals.add(maps, 0)
    (pair,) = totals.correlations()
    assert pair.count == 1 and pair.undefined == 2
    assert pair.mean == pytest.approx(float(correlation(maps[0, :1], maps[1, :1])[0]), abs=1e-5)


def test_the_same_maps_agree_fully(tmp_path):
    maps = random_maps(3)
    audit = agreement_of_stores(
        {"a": write_store(tmp_path / "a", maps), "b": write_store(tmp_path / "b", maps, shard=4)}
    )
    assert audit.pairs[0].correlation.mean > 0.9999 and audit.pairs[0].correlation.clipped == 13
    assert audit.pairs[0].divergence == pytest.approx(0, abs=1e-9)
    assert audit.verdict().words.startswith("Yes")


def test_the_least_agreement_is_named(tmp_path):
    maps = random_maps(0)
    other = maps.copy()
    other[7] = maps[7][::-1, ::-1]
    audit = agreement_of_stores(
        {"a": write_store(tmp_path / "a", maps), "b": write_store(tmp_path / "b", other)}, disagreements=2
    )
    assert audit.disagreements[0][0] == "7.png" and len(audit.disagreements) == 2


def test_only_the_counted_sets_decide_which_image_agrees_least():
    base, other = random_maps(0, 3), random_maps(0, 3)
    third = random_maps(0, 3)
    other[1] = base[1][::-1, ::-1]
    third[2] = 1 - base[2]
    totals = AgreementTotals([[(0, 1)], [(0, 2)]], keep=1, counted=[True, False])
    totals.add(np.stack([base, other, third]), 10)
    assert [image for _, image in totals.lowest] == [11]
    assert totals.lowest[0][0] == pytest.approx(correlation(base[1:2], other[1:2])[0], abs=1e-5)
    both = AgreementTotals([[(0, 1)], [(0, 2)]], keep=1)
    both.add(np.stack([base, other, third]), 10)
    assert [image for _, image in both.lowest] == [12]
    for options in ({"counted": [False, False]}, {"keep": 0}):
        none = AgreementTotals([[(0, 1)], [(0, 2)]], **options)
        none.add(np.stack([base, other, third]), 10)
        assert none.lowest == []


def test_an_image_without_any_agreement_comes_last_among_the_least():
    maps = np.stack([random_maps(0, 2), random_maps(1, 2)])
    maps[0, 0] = 0.4
    totals = AgreementTotals.every_pair(2)
    totals.add(maps, 0)
    assert [image for _, image in totals.lowest] == [1, 0]


def test_memory_does_not_grow_with_the_images(tmp_path):
    def peak(images: int) -> int:
        stores = {
            name: write_store(tmp_path / f"{images}{name}", random_maps(n, images))
            for n, name in enumerate("ab")
        }
        agreement_of_stores(stores)
        tracemalloc.start()
        agreement_of_stores(stores)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    # reading them at once would take 2 x 4 bytes x 99 pixels an image
    assert peak(200) - peak(20) < 0.5 * 180 * 2 * 4 * 99


def test_references_need_no_model():
    prior = center_prior((21, 31))
    assert prior[10, 15] == 1 == prior.max() and prior[0, 0] < 0.2 and np.allclose(prior, prior[::-1, ::-1])
    images = np.zeros((2, 3, 20, 20), np.uint8)
    images[0, :, :, 10:] = 255
    edges = edge_maps(images)
    assert edges[0, :, 9:11].min() > 0.9 and edges[0, :, :5].max() == 0 and not edges[1].any()


def test_groups_are_tested_by_dealing_anew():
    names = list("abcdef")
    groups = {name: "one" if name in "abc" else "two" for name in names}

    def pairs(inside: float) -> list[PairAgreement]:
        return [
            PairAgreement(a, b, fisher_mean([inside if groups[a] == groups[b] else 0.2]), 0.0, 0.0)
            for a, b in combinations(names, 2)
        ]

    apart = group_test(pairs(0.8), groups)
    assert apart.within == pytest.approx(0.8) and apart.between == pytest.approx(0.2)
    assert apart.p_value == pytest.approx(2 / 20)  # of 20 ways to choose three, these and their complement
    assert apart.smallest == apart.p_value and apart.each == pytest.approx({"one": 0.8, "two": 0.8})
    fewer = [pair for pair in pairs(0.8) if "f" not in (pair.a, pair.b)]
    uneven = group_test(fewer, groups)
    assert (
        uneven.smallest == uneven.p_value == pytest.approx(1 / 10)
    )  # three of five have one complement: two
    assert group_test(pairs(0.2), groups).p_value == 1
    assert group_test(pairs(0.8), {}) is None and group_test(pairs(0.8), {"a": "one", "b": "two"}) is None


def test_the_whole_way_from_models(object_model, background_model, catalog, tmp_path):
    settings = SaliencySettings(samples=3)
    few = catalog.select(labels=["class 0", "class 1"])
    audit = agreement([object_model, background_model], few, tmp_path / "maps", settings=settings)
    assert audit.images == 8 and audit.pairs[0].correlation.mean < -0.5  # inside against outside
    assert {pair.b for pair in audit.references} == {"centre prior", "edge map"}
    by_center = {pair.a: pair.correlation.mean for pair in audit.references if pair.b == "centre prior"}
    assert by_center["object reader"] > 0.3 > -0.3 > by_center["background reader"]
    page = Report.of("Agreement", audit).to_html()
    assert "different locations" in page or "chance" in page
    sent = json.loads(json.dumps(audit.to_dict()))
    assert sent["pairs"][0]["correlation"] == audit.pairs[0].correlation.mean
    again = agreement([object_model, background_model], few, tmp_path / "maps", settings=settings)
    assert again.pairs == audit.pairs


def test_several_trainings_are_averaged_image_by_image(tmp_path):
    maps = {name: random_maps(seed) for seed, name in enumerate(["a0", "a1", "b0", "b1", "noise"])}
    stores = {name: write_store(tmp_path / name, values) for name, values in maps.items()}
    noise = {"random weights": stores.pop("noise")}
    trainings = {name: Training(name[0], f"fold {name[1]}") for name in stores}
    audit = agreement_of_stores(stores, trainings=trainings, baselines=noise)
    stored = {name: np.round(values * 255) / 255 for name, values in maps.items()}

    def expected(*pairs: tuple[str, str]) -> float:
        z = [np.arctanh(correlation(stored[a], stored[b])) for a, b in pairs]
        return float(np.tanh(np.mean(z, axis=0).mean()))

    def divergence(*pairs: tuple[str, str]) -> float:
        return float(np.mean([jensen_shannon(stored[a], stored[b]) for a, b in pairs]))

    assert audit.models == ["a", "b"]
    (pair,), (cross_training,) = audit.pairs, audit.cross_training
    assert pair.correlation.mean == pytest.approx(expected(("a0", "b0"), ("a1", "b1")), abs=1e-5)
    assert pair.divergence == pytest.approx(divergence(("a0", "b0"), ("a1", "b1")), rel=1e-4)
    assert cross_training.correlation.mean == pytest.approx(expected(("a0", "b1"), ("a1", "b0")), abs=1e-5)
    retrained = {one.a: one.correlation.mean for one in audit.retrained}
    assert retrained["a"] == pytest.approx(expected(("a0", "a1")), abs=1e-5)
    weights = {one.a: one.correlation.mean for one in audit.references if one.b == "random weights"}
    assert weights["b"] == pytest.approx(expected(("b0", "noise"), ("b1", "noise")), abs=1e-5)
    crossed_matrix = audit.matrix("cross_training")
    assert crossed_matrix[0, 1] == cross_training.correlation.mean and crossed_matrix[1, 1] == retrained["b"]
    assert pair.correlation.count == 13  # an image counts once, however many trainings there are
    assert "trained twice" in " ".join(audit.verdict().evidence)
    everything = audit.summaries["cross_training"].correlation
    assert everything.mean == pytest.approx(cross_training.correlation.mean)  # the only pair of models
    per_image = np.arctanh(
        [correlation(stored["a0"], stored["noise"]), correlation(stored["a1"], stored["noise"]),
         correlation(stored["b0"], stored["noise"]), correlation(stored["b1"], stored["noise"])]
    ).mean(0)  # fmt: skip
    expected_low = np.tanh(per_image.mean() - 1.959964 * per_image.std(ddof=1) / np.sqrt(13))
    assert audit.summaries["random weights"].correlation.low == pytest.approx(expected_low, abs=1e-5)


def test_random_weights_are_a_baseline_and_leave_the_model_alone(tmp_path, catalog):
    spec = ModelSpec.model_validate(
        {"backbone": "test_resnet", "dim": 4, "preprocessing": {"resize_px": 32, "crop_px": 32}}
    )
    models = [build(spec, seed=seed) for seed in (1, 2)]
    for number, model in enumerate(models):
        model.name = f"model {number}"
    few = sample_rows(catalog, 5, seed=3)
    settings = SaliencySettings(method="gradient")
    audit = agreement(models, few, tmp_path / "maps", settings=settings, random_weights=True)
    assert {pair.b for pair in audit.references} == {"random weights", "centre prior", "edge map"}
    assert audit.images == 5 and audit.models == ["model 0", "model 1"]
    empty, again = (randomized_model(models[0], seed) for seed in (1, 1))
    assert (empty.name, empty.distance, empty.dim) == ("random weights", models[0].distance, models[0].dim)
    assert empty.preprocessing == models[0].preprocessing
    assert again.fingerprint == empty.fingerprint != randomized_model(models[0], 2).fingerprint
    models[0].distance = "snr"
    assert randomized_model(models[0]).distance == "snr"
    models[0].distance = empty.distance
    with pytest.raises(ModelError, match="cannot be built with random weights"):
        randomized_model(SimilarityModel(torch.nn.Identity(), Preprocessing(resize_px=32, crop_px=32), dim=3))


def test_other_noise_is_compared_with_the_same_model_only(object_model, background_model, catalog, tmp_path):
    settings = SaliencySettings(samples=2)
    few = sample_rows(catalog, 4)
    models = [object_model, background_model]
    audit = agreement(models, few, tmp_path / "maps", settings=settings, noise_floor=True)
    noisy = [pair for pair in audit.references if pair.b == "itself under other noise"]
    assert [pair.a for pair in noisy] == ["object reader"]
    first, second = (
        SaliencyStore.open(tmp_path / "maps" / name)
        for name in ("object-reader", "object-reader-other-noise")
    )
    assert first.settings.seed != second.settings.seed
    expected = fisher_mean(correlation(first.read(0, 4), second.read(0, 4)))
    assert noisy[0].correlation.mean == pytest.approx(expected.mean, abs=1e-5)


def test_a_sweep_is_compared_over_its_folds(tmp_path, world):
    data = Catalog.read(world / "catalog.csv")
    train = Catalog.from_table(data.table.assign(split="train"), data.root)
    train.write(world / "train.csv")
    tiny = [
        f"data.catalog={world / 'train.csv'}", "model.backbone=test_resnet", "model.pretrained=false", "model.dim=8",
        "model.preprocessing={resize_px: 32, crop_px: 32}", "sampler={batch_size: 8, per_class: 4, iterations: 1}",
        "schedule.warmup_epochs=0", "start={head: random, proxies: random}",
        "trainer={max_epochs: 1, num_workers: 0, accelerator: cpu}", "data.folds=2",
    ]  # fmt: skip
    sweep(
        "catalog/*",
        tiny,
        out=tmp_path / "sweep",
        losses=["ntxent", "triplet", "arcface", "untrained"],
        progress=False,
    )
    settings = SaliencySettings(method="gradient")
    audit = agreement_of_sweep(tmp_path / "sweep", data, tmp_path / "maps", settings=settings)
    assert audit.models == ["Triplet", "NTXent", "ArcFace", "Untrained"]
    assert audit.groups == {"Triplet": "ranking", "NTXent": "ranking", "ArcFace": "classification"}
    assert len(audit.pairs) == len(audit.cross_training) == 6 and len(audit.retrained) == 4
    assert audit.group_test is not None and set(audit.group_test.each) == {"ranking", "classification"}
    assert {pair.b for pair in audit.references} == {"random weights", "centre prior", "edge map"}
    page = Report.of("Agreement", audit).to_html()
    assert "one model trained again" in page and "Do the groups look at different locations?" in page


def test_bad_input(stores, tmp_path, object_model, catalog):
    with pytest.raises(InputError, match="at least two models, got 1"):
        agreement_of_stores({"a": next(iter(stores.values()))})
    with pytest.raises(ConfigError, match="different names"):
        agreement([object_model, object_model], catalog, tmp_path)
    with pytest.raises(InputError, match="not of the same images"):
        agreement_of_stores({**stores, "other": write_store(tmp_path / "o", random_maps(0, 5))})
    trainings = {name: Training("same", name) for name in stores}
    with pytest.raises(InputError, match=r"at least two models, got 1 \('same'\)"):
        agreement_of_stores(stores, trainings=trainings)
    with pytest.raises(ConfigError, match="'same', fold 0"):
        agreement_of_stores(stores, trainings=dict.fromkeys(stores, Training("same", "fold 0")))
    with pytest.raises(InputError, match="not one of the models"):
        agreement_of_stores(stores, groups={"modle 1": "x"})
