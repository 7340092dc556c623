"""Fingerprint, save and load: a model is the same model afterwards, or is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import likewise
from likewise.data import Preprocessing
from likewise.errors import InputError, ModelError, WorkError
from likewise.models import Embeddings, ModelSpec, build, fit_projection

SMALL = Preprocessing(resize_px=72, crop_px=64)
PIXELS = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


# -- fingerprint ------------------------------------------------------------------------------------------


def test_fingerprint_changes_with_one_bit_of_a_weight(make):
    model = make()
    before = model.fingerprint
    assert model.fingerprint == before
    with torch.no_grad():
        model.network.embedder.head.bias[3] += 1e-7
    assert model.fingerprint != before
    with torch.no_grad():
        model.network.embedder.head.bias[3] -= 1e-7
    model.network.embedder.backbone.network.bn1.running_mean[0] += 1e-3
    assert model.fingerprint != before


def test_fingerprint_changes_with_a_training_step(make):
    model = make()
    before = model.fingerprint
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=1e-3)
    model.network(PIXELS)[:, 0].sum().backward()
    optimizer.step()
    assert model.fingerprint != before


def test_fingerprint_changes_with_preprocessing_and_spec(make):
    base = make()
    other = SMALL.model_copy(update={"interpolation": "bicubic"})
    fingerprints = {
        base.fingerprint,
        make(preprocessing=other).fingerprint,
        make(pooling="max").fingerprint,
        make(dim=17).fingerprint,
    }
    assert len(fingerprints) == 4


def test_fingerprint_ignores_what_embeddings_do_not_depend_on(make):
    base, frozen = make(), make(frozen_batch_norm="all")
    assert frozen.fingerprint == base.fingerprint
    base.network.embedder.backbone.network.bn1.num_batches_tracked += 1
    assert base.fingerprint == frozen.fingerprint
    own = build(ModelSpec(backbone="test_resnet", dim=16), seed=1)
    given = build(ModelSpec(backbone="test_resnet", dim=16, preprocessing=own.preprocessing), seed=1)
    assert given.fingerprint == own.fingerprint


# -- save and load ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pooling": "gem", "frozen_batch_norm": "statistics"},
        {"backbone": "test_vit", "pooling": "native", "dim": None},
        {"head": "avsl", "avsl": {"dim": 8, "topk": 4}},
        {"backbone": "bn_inception", "preprocessing": None},
    ],
)
def test_a_saved_model_is_the_model(make, tmp_path, options):
    model = make(**options)
    if options.get("head") == "avsl":
        model.network.train()(PIXELS)  # links are learnt state too
    else:
        model.distance = "snr"
    model.save(tmp_path / "m")
    loaded = likewise.load(tmp_path / "m")
    assert loaded.fingerprint == model.fingerprint
    assert loaded.distance == model.distance and loaded.preprocessing == model.preprocessing
    assert loaded.dim == model.dim and loaded.spec.frozen_batch_norm == model.spec.frozen_batch_norm
    a, b = model.embed(PIXELS).vectors, loaded.embed(PIXELS).vectors
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.compare(a, a), loaded.compare(b, b))


def test_bgr_and_0_255_survive(tmp_path, make):
    strange = Preprocessing(
        resize_px=72, crop_px=64, channel_order="bgr", value_range=255, mean=(104, 117, 128), std=(1, 1, 1)
    )
    model = make(preprocessing=strange)
    model.save(tmp_path / "m")
    loaded = likewise.load(tmp_path / "m")
    assert loaded.preprocessing == strange
    assert loaded.network.normalization(torch.zeros(1, 3, 1, 1)).flatten().tolist() == [-104, -117, -128]


def test_a_finished_run_keeps_its_other_files(tmp_path, tiny):
    (tmp_path / "experiment.yaml").write_text("name: x\n")
    with pytest.raises(ModelError, match=r"has not saved a model yet.*--resume"):
        likewise.load(tmp_path)
    tiny.save(tmp_path)
    assert likewise.load(str(tmp_path)).fingerprint == tiny.fingerprint
    assert (tmp_path / "experiment.yaml").exists()


def test_saving_over_a_model_is_asked_for(tmp_path, make):
    make(seed=1).save(tmp_path / "m")
    with pytest.raises(InputError, match="contains a model already"):
        make(seed=2).save(tmp_path / "m")
    make(seed=2).save(tmp_path / "m", overwrite=True)
    assert likewise.load(tmp_path / "m").fingerprint == make(seed=2).fingerprint


def test_a_full_disk_leaves_nothing(tmp_path, tiny, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("likewise.models.saving.save_file", full)
    with pytest.raises(WorkError, match="No space left"):
        tiny.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "projection.safetensors"])
def test_a_full_disk_is_said_for_every_file_of_tensors(tmp_path, tiny, monkeypatch, name):
    from safetensors import SafetensorError

    model = tiny
    if name == "projection.safetensors":
        vectors = np.random.default_rng(0).normal(size=(40, tiny.dim)).astype(np.float32)
        embedded = Embeddings(
            vectors, [f"{row}" for row in range(40)], None, tiny.fingerprint, distance=tiny.distance
        )
        model = tiny.projected(fit_projection(embedded, 4))

    def write(tensors, path, metadata=None):
        if name.partition(".")[0] in str(path):
            raise SafetensorError("I/O error: No space left on device")
        save_file(tensors, path, metadata)

    monkeypatch.setattr("likewise.models.saving.save_file", write)
    with pytest.raises(WorkError, match=rf"{name} failed \(.*No space left on device\); make room"):
        model.save(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_a_model_is_replaced_leaves_the_earlier_one(tmp_path, make, monkeypatch):
    make(seed=1).save(tmp_path / "m")
    before = {file.name: file.read_bytes() for file in (tmp_path / "m").iterdir()}

    def half(state, path, **_):
        path.write_bytes(b"half of the weights")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("likewise.models.saving.save_file", half)
    with pytest.raises(WorkError, match="No space left"):
        make(seed=2).save(tmp_path / "m", overwrite=True)
    assert {file.name: file.read_bytes() for file in (tmp_path / "m").iterdir()} == before
    assert likewise.load(tmp_path / "m").fingerprint == make(seed=1).fingerprint


def test_two_files_that_do_not_belong_together_are_refused(tmp_path, make):
    make(seed=1).save(tmp_path / "a")
    make(seed=2).save(tmp_path / "b")
    (tmp_path / "a" / "model.safetensors").write_bytes((tmp_path / "b" / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="do not belong together"):
        likewise.load(tmp_path / "a")
    make(dim=8).save(tmp_path / "c")
    (tmp_path / "a" / "model.safetensors").write_bytes((tmp_path / "c" / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match=r"do not fit the spec.*'embedder.head.bias'"):
        likewise.load(tmp_path / "a")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda about: about.pop("dim"), "is damaged"),
        (lambda about: about["spec"].update(unknown=1), "is damaged"),
        (lambda about: about.update(format=99), "update likewise"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path, tiny, change, sentence):
    tiny.save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    about = json.loads(file.read_text())
    change(about)
    file.write_text(json.dumps(about))
    with pytest.raises(ModelError, match=sentence):
        likewise.load(tmp_path / "m")


def test_damaged_weights_are_refused(tmp_path, tiny):
    tiny.save(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"abc")
    with pytest.raises(ModelError, match="is damaged"):
        likewise.load(tmp_path / "m")


def test_no_file_names_of_this_machine_are_saved(tmp_path, make):
    state = make(dim=None).network.embedder.backbone.network.state_dict()
    save_file(state, tmp_path / "start.safetensors")
    make(weights=tmp_path / "start.safetensors").save(tmp_path / "m")
    assert str(tmp_path) not in (tmp_path / "m" / "model.json").read_text()
