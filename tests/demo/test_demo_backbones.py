"""Which network the demo takes, and that it says so: the user's file, one from the hub's cache, or the shipped one."""

import pytest
import timm
from huggingface_hub import constants
from safetensors.torch import save_file

from likewise.demo.backbones import SHIPPED, cached, choose
from likewise.errors import InputError, ModelError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture(scope="module")
def lite0(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "any-name.safetensors"
    save_file(timm.create_model("tf_efficientnet_lite0", num_classes=0).state_dict(), file)
    return file


def into_cache(cache, tag, file):
    folder = cache / f"models--timm--{tag}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    target = folder / "snapshots" / "abc" / "model.safetensors"
    target.symlink_to(file)
    return target


def test_without_anything_the_shipped_one_and_what_would_be_better(cache):
    chosen = choose(None, own_photos=True)
    assert (chosen.name, chosen.options) == (SHIPPED, "")
    assert "no pretrained network was found" in chosen.words and "--weights" in chosen.words


def test_the_samples_take_the_shipped_one_even_where_others_are_cached(cache, lite0):
    into_cache(cache, "tf_efficientnet_lite0.in1k", lite0)
    assert choose(None, own_photos=False).name == SHIPPED


def test_a_network_in_the_cache_is_taken_without_network_access(cache, lite0, monkeypatch):
    target = into_cache(cache, "tf_efficientnet_lite0.in1k", lite0)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    assert cached("tf_efficientnet_lite0.in1k") == target
    chosen = choose(None, own_photos=True)
    assert chosen.name == "timm:tf_efficientnet_lite0.in1k"
    assert "from the cache of the Hugging Face hub" in chosen.words
    assert chosen.model.dim == 1280


def test_a_file_of_the_user_comes_first(cache, lite0):
    chosen = choose(lite0, own_photos=True)
    assert chosen.name == "timm:tf_efficientnet_lite0"
    assert (chosen.name, chosen.options) == ("timm:tf_efficientnet_lite0", f" --weights {lite0}")
    assert "the weights you gave" in chosen.words


def test_a_file_of_another_network_is_told(tmp_path):
    file = tmp_path / "other.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), file)
    with pytest.raises(ModelError, match="does not fit this network"):
        choose(file, own_photos=True)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="There is no weights file"):
        choose(tmp_path / "none.safetensors", own_photos=True)
