import itertools
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from likewise.audit import background, evaluate_conditions
from likewise.audit.background_bias.attention import sample_attention
from likewise.audit.background_bias.chance import chance_map_at_r
from likewise.audit.background_bias.comparison import BackgroundComparison, saliency_figure
from likewise.data import Catalog, Preprocessing
from likewise.errors import CatalogError, ConfigError, FingerprintError, InputError, InterruptedWork
from likewise.explain import SaliencySettings
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.report import Report, sections_of
from likewise.retrieval import evaluate, nearest

FEW = SaliencySettings(samples=4)


@pytest.fixture(scope="module")
def audits(object_model, background_model, catalog, world, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        return [
            background(model, catalog, world / "photos", 3, saliency=FEW, attention_images=10, examples=2)
            for model in (background_model, object_model)
        ]


def test_original_is_what_evaluate_says(object_model, catalog, world):
    evaluation = evaluate_conditions(object_model, catalog, world / "photos", repeats=2)
    found = object_model.embed(catalog)
    expected = evaluate(found.vectors, found.labels.astype(str))
    scores = evaluation.scores()
    for name, value in expected.items():
        assert scores["original"][name] == {"mean": pytest.approx(value), "std": 0.0}
    assert scores["original"]["gallery_size"] == len(catalog) == 32
    assert list(scores) == ["original", "replaced", "background_only", "object_only"]


def test_each_model_needs_what_it_reads(audits):
    by_background, by_object = (audit.scores for audit in audits)
    assert by_object["original"]["map@r"]["mean"] > 0.9 and by_background["original"]["map@r"]["mean"] > 0.9
    assert by_object["replaced"]["map@r"]["mean"] > 0.9 and by_object["object_only"]["map@r"]["mean"] > 0.9
    assert by_background["replaced"]["map@r"]["mean"] < 0.6
    assert by_background["background_only"]["map@r"]["mean"] > 0.9
    assert by_background["object_only"]["map@r"]["mean"] < 0.5


def test_deviation_is_the_sample_deviation_over_draws(audits):
    evaluation = audits[0].evaluation
    drawn = [result.scores()["map@r"] for result in evaluation.results["replaced"]]
    assert len(drawn) == 3 and len(set(drawn)) == 3
    assert audits[0].scores["replaced"]["map@r"] == {
        "mean": pytest.approx(np.mean(drawn)), "std": pytest.approx(np.std(drawn, ddof=1)),
    }  # fmt: skip


def test_the_verdict_tells_the_biased_model_from_the_other(audits):
    by_background, by_object = (audit.verdict() for audit in audits)
    assert (
        by_background.level == "bad"
        and "background decides a lot" in by_background.words
        and "replace_background" in by_background.advice
    )
    assert by_object.level == "good" and by_object.headline == "No, the background decides little."
    assert any("95 % interval" in line for line in by_background.evidence)
    assert audits[0].differences["replaced"].interval.high < 0


def test_neighbors_change_for_the_one_and_not_for_the_other(audits, background_model):
    by_background, by_object = (audit.neighbors for audit in audits)
    assert by_background.first.mean() > 0.5 > 0.1 > by_object.first.mean()
    assert (
        by_background.of_depth.shape == (3,) and 0 <= by_object.of_depth.max() < by_background.of_depth.min()
    )
    assert by_object.finds_itself.mean() > by_background.finds_itself.mean()
    # by hand, for the first draw
    evaluation = audits[0].evaluation
    gallery, moved = evaluation.vectors["original"][0], evaluation.vectors["replaced"][0]
    before = nearest(gallery, k=1).indices[:, 0]
    after = [
        int(np.argsort(np.where(np.arange(32) == i, -np.inf, gallery @ moved[i]))[-1]) for i in range(32)
    ]
    assert by_background.first[0] == pytest.approx(np.mean(before != np.array(after)))
    assert (
        by_background.after[:, 0].tolist() == after and by_background.before[:, 0].tolist() == before.tolist()
    )


def test_attention_is_on_what_is_read(audits):
    outside, inside = (audit.attention for audit in audits)
    assert outside.defined.sum() == 10 and inside.mean() > 0.8 and outside.mean() < -0.1
    assert len(audits[0].attention_ids) == 10


def test_classes_are_listed_hurt_most_first(audits):
    table = audits[0].per_class
    assert table["change"].is_monotonic_increasing and len(table) == 8 and table["queries"].sum() == 32
    assert (table["replaced"] - table["original"]).to_numpy() == pytest.approx(table["change"].to_numpy())
    assert np.average(table["change"], weights=table["queries"]) == pytest.approx(
        audits[0].differences["replaced"].difference
    )


def test_chance_is_the_mean_over_all_orders():
    labels = np.array(["a", "a", "a", "b", "b", "c"])

    def map_at_r(order, query):
        relevant = sum(labels == labels[query]) - 1
        hits = [labels[other] == labels[query] for other in order[:relevant]]
        return sum(sum(hits[: k + 1]) / (k + 1) * hits[k] for k in range(relevant)) / relevant

    values = []
    for query in range(5):
        others = [row for row in range(6) if row != query]
        values.append(np.mean([map_at_r(order, query) for order in itertools.permutations(others)]))
    assert chance_map_at_r(labels) == pytest.approx(np.mean(values))


def test_the_same_seed_gives_every_model_the_same_backgrounds(background_model, catalog, world):
    first, second, other = (
        evaluate_conditions(
            background_model, catalog, world / "photos", conditions=["replaced"], repeats=1, seed=seed
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.vectors["replaced"][0], second.vectors["replaced"][0])
    assert np.abs(first.vectors["replaced"][0] - other.vectors["replaced"][0]).max() > 1e-4


def test_report_page_and_json(audits, tmp_path):
    report = Report.of("Background", *audits)
    report.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "decides a lot" in page and page.count('class="zoom"') >= 6
    sent = json.loads(json.dumps(audits[0].to_dict()))
    assert sent["conditions"]["replaced"]["map@r"]["mean"] < 0.6 and sent["attention"]["images"] == 10
    assert len(audits[0].examples) == 2 and len(audits[0].examples[0].saliency) == 2


def test_models_side_by_side(audits, object_model, background_model, catalog):
    figure = saliency_figure([background_model, object_model], catalog, [0, 7], FEW)
    both = BackgroundComparison(audits, figure)
    table = both.retrieval_table()
    for form, words in (
        ("text", "background reader"),
        ("markdown", "|"),
        ("latex", "toprule"),
        ("csv", "model,"),
    ):
        assert words in table.to(form)
    rows = table.rows
    assert rows[0][0] == "background reader" and rows[1][3] == pytest.approx(audits[1].relative_change)
    gain = both.differences()["object reader"]["replaced"]
    assert gain.difference > 0.3 and gain.interval.low > 0
    assert both.attention_table().rows[1][1].mean == pytest.approx(audits[1].attention.mean())
    assert "object reader depends least" in both.verdict().words and both.verdict().level == "good"
    assert "It also has the best score on replaced backgrounds" in both.verdict().words
    # Which model is given first changes what is compared with what, not the answer.
    turned = BackgroundComparison(audits[::-1]).verdict()
    assert turned.words == both.verdict().words and turned.level == "good"
    assert json.loads(json.dumps(both.to_dict(), allow_nan=False))["verdict"]["level"] == "good"
    chapters = [section.title for section in sections_of(both) if section.chapter]
    assert chapters == ["background reader", "object reader"]
    assert [section.title for section in sections_of(both)].index("background reader") == 5


def test_images_without_mask_or_label_are_listed(object_model, catalog, world, tmp_path):
    table = catalog.table
    table.loc[3, "mask"], table.loc[4, "label"] = "", ""
    (world / "broken.png").write_bytes(b"no image")
    table.loc[5, "path"] = "broken.png"
    evaluation = evaluate_conditions(
        object_model, Catalog.from_table(table, world), world / "photos", repeats=1
    )
    assert evaluation.gallery_size == 29
    reasons = {failure.id: failure.reason for failure in evaluation.failures}
    assert (
        set(reasons) == {catalog.ids[3], catalog.ids[4], "broken.png"} and "mask" in reasons[catalog.ids[3]]
    )
    assert all(len(vectors[0]) == 29 for vectors in evaluation.vectors.values())


def test_an_image_that_fails_in_one_condition_is_left_out_of_all(object_model, catalog, world):
    """Its mask cannot be read: it could be shown as it is, and then the conditions would not be of the same images."""
    table = catalog.table
    (world / "broken_mask.png").write_bytes(b"no image")
    table.loc[7, "mask"] = "broken_mask.png"
    holed = Catalog.from_table(table, world)
    evaluation = evaluate_conditions(object_model, holed, world / "photos", repeats=2)
    assert [failure.id for failure in evaluation.failures] == [catalog.ids[7]]
    kept = [name for name in catalog.ids if name != catalog.ids[7]]
    assert evaluation.catalog.ids == kept
    assert {len(one) for drawn in evaluation.vectors.values() for one in drawn} == {len(kept)}
    expected = object_model.embed(catalog).vectors[[row for row in range(len(catalog)) if row != 7]]
    np.testing.assert_allclose(evaluation.vectors["original"][0], expected, atol=1e-6)
    without = evaluate_conditions(
        object_model, catalog.take([row for row in range(32) if row != 7]), world / "photos"
    )
    assert evaluation.scores()["object_only"] == without.scores()["object_only"]


def test_the_noise_of_an_image_is_its_own(catalog, world):
    """It comes from the image's name: not from its place among others, and not one for all."""
    model = build(
        ModelSpec(backbone="resnet10t", dim=8, preprocessing=Preprocessing(resize_px=32, crop_px=32)), 0
    )
    settings = SaliencySettings(samples=2, spread=0.5)
    together, ids = sample_attention(model, catalog.take([0, 5, 9]), 3, settings)
    for name, value in zip(ids, together.values, strict=True):
        alone, _ = sample_attention(model, catalog.take([catalog.ids.index(name)]), 1, settings)
        assert alone.values[0] == pytest.approx(value, abs=1e-6)
    table = catalog.table.iloc[[0, 0]].assign(path=["0_0.png", "twin.png"])
    (world / "twin.png").write_bytes((world / "0_0.png").read_bytes())
    twins, _ = sample_attention(model, Catalog.from_table(table, world), 2, settings)
    assert twins.values[0] != twins.values[1]


def test_bad_input(object_model, catalog, world):
    photos = world / "photos"
    with pytest.raises(CatalogError, match="mask"):
        background(object_model, Catalog.from_table(catalog.table.drop(columns="mask"), world), photos)
    with pytest.raises(InputError, match="two classes"):
        background(object_model, catalog.select(labels=["class 1"]), photos, 1)
    alone = catalog.take([row for row in range(len(catalog)) if row % 4 == 0])
    with pytest.raises(InputError, match="0 such classes of 8"):
        background(object_model, alone, photos, 1)
    with pytest.raises(ConfigError, match="repeats"):
        background(object_model, catalog, photos, 0)
    with pytest.raises(ConfigError, match="did you mean 'replaced'"):
        evaluate_conditions(object_model, catalog, photos, conditions=["replace"])
    with pytest.raises(ConfigError, match="folder"):
        evaluate_conditions(object_model, catalog)
    with pytest.raises(InputError, match="no folder"):
        background(object_model, catalog, world / "nowhere")
    with pytest.raises(ConfigError, match="attention_images"):
        background(object_model, catalog, photos, attention_images=-1)


def test_audits_of_other_images_are_not_compared(audits, object_model, catalog, world):
    other = background(
        object_model, catalog.select(labels=["class 1", "class 2"]), world / "photos", 1, attention_images=0
    )
    assert other.attention is None
    with pytest.raises(InputError, match="not of the same images"):
        BackgroundComparison([audits[0], other])


class _Stops:
    """Wraps a function; Ctrl-C at the call after ``after`` ones."""

    def __init__(self, function, after):
        self.function, self.left, self.calls = function, after, 0

    def __call__(self, *args, **kwargs):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.calls += 1
        return self.function(*args, **kwargs)


def test_a_stopped_audit_goes_on_where_it_was(object_model, catalog, world, tmp_path, monkeypatch):
    def audited():
        found = background(
            object_model, catalog, world / "photos", 2, saliency=FEW, attention_images=6, examples=0,
            parts=tmp_path / "parts", num_workers=0,
        )  # fmt: skip
        return found.to_dict()

    embed = object_model.embed
    whole = background(
        object_model, catalog, world / "photos", 2, saliency=FEW, attention_images=6, examples=0
    )
    monkeypatch.setattr(SimilarityModel, "embed", _Stops(embed, 3))  # 32 images are one batch
    with pytest.raises(InterruptedWork, match=r"background_only.*they are in"):
        audited()
    again = _Stops(embed, -1)
    monkeypatch.setattr(SimilarityModel, "embed", again)
    assert audited() == whole.to_dict()
    assert again.calls == 2  # of five draws three were there
    attend = _Stops(None, 0)
    monkeypatch.setattr("likewise.audit.background_bias.attention.attribute", attend)
    monkeypatch.setattr(SimilarityModel, "embed", attend)
    assert audited() == whole.to_dict()  # now nothing is measured again


def test_more_draws_of_a_stopped_audit_measure_only_those(
    object_model, catalog, world, tmp_path, monkeypatch
):
    def evaluated(draws, **options):
        conditions = ["original", "replaced"]
        return evaluate_conditions(
            object_model,
            catalog,
            world / "photos",
            conditions=conditions,
            repeats=draws,
            num_workers=0,
            **options,
        ).scores()

    whole, embed = evaluated(4), object_model.embed
    evaluated(2, parts=tmp_path)
    again = _Stops(embed, -1)
    monkeypatch.setattr(SimilarityModel, "embed", again)
    assert evaluated(4, parts=tmp_path) == whole
    assert again.calls == 2


def test_a_replaced_photo_is_measured_again_and_a_replaced_mask_refused(
    object_model, catalog, world, tmp_path
):
    for name in ("path", "mask"):
        for source in {*(catalog.paths if name == "path" else catalog.mask_paths)}:
            target = tmp_path / "world" / source.relative_to(catalog.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    copied = Catalog.from_table(catalog.table, tmp_path / "world")

    def vectors(parts):
        found = evaluate_conditions(
            object_model, copied, None, conditions=["original", "object_only"], num_workers=0, parts=parts
        )
        return found.vectors["original"][0]

    before = vectors(tmp_path / "parts")
    first = copied.paths[0]
    Image.fromarray(255 - np.asarray(Image.open(first).convert("RGB"))).save(first)
    after = vectors(tmp_path / "parts")
    np.testing.assert_array_equal(after, vectors(None))
    assert not np.array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1:], before[1:])
    mask = copied.mask_paths[0]
    Image.fromarray(255 - np.asarray(Image.open(mask).convert("L"))).save(mask)
    with pytest.raises(FingerprintError, match="choose another folder"):
        vectors(tmp_path / "parts")


def test_parts_of_another_audit_are_refused(object_model, background_model, catalog, world, tmp_path):
    photos = world / "photos"
    evaluate_conditions(object_model, catalog, photos, repeats=1, parts=tmp_path)
    for model, seed, compositing in (
        (background_model, 0, "published"), (object_model, 1, "published"), (object_model, 0, "clean"),
    ):  # fmt: skip
        with pytest.raises(FingerprintError, match="choose another folder"):
            evaluate_conditions(
                model, catalog, photos, repeats=1, parts=tmp_path, seed=seed, compositing=compositing
            )
