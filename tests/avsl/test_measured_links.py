"""Links measured over images: those of one large batch, however the images are cut into batches."""

import pytest
import torch

from likewise.avsl.links import batch_statistics
from likewise.avsl.maps import certainty
from likewise.errors import ModelError
from likewise.models import AVSLSpec, ModelSpec, build, measure_links

SETTINGS = {"backbone": "test_resnet", "preprocessing": {"resize_px": 32, "crop_px": 32}}


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (10, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


@pytest.mark.parametrize("mode", ["rescaled", "relative", "published"])
def test_the_links_are_those_of_all_images_at_once(images, mode):
    model = build(ModelSpec(**SETTINGS, head="avsl", avsl=AVSLSpec(dim=8, topk=3, certainty=mode)))
    head = model.network.embedder.head
    model.network.train()
    assert measure_links(model.network, iter(images.split(4))) == 10
    assert not model.network.training
    with torch.no_grad():
        activations = head.activations(model.network.feature_maps(images))
    links, means = batch_statistics(activations, [certainty(each, mode) for each in activations[1:]])
    torch.testing.assert_close(head.links.links, links)
    torch.testing.assert_close(head.links.mean_certainty, means)
    assert head.distance().levels == 3


def test_what_has_no_links_is_refused(images):
    plain = build(ModelSpec(**SETTINGS, dim=8))
    with pytest.raises(ModelError, match="Only a model with an AVSL head has links"):
        measure_links(plain.network, [images])
    model = build(ModelSpec(**SETTINGS, head="avsl", avsl=AVSLSpec(dim=8, topk=3)))
    with pytest.raises(ModelError, match="but there was none that can be read"):
        measure_links(model.network, [])
    with pytest.raises(ModelError, match="has no links between its levels yet"):
        model.network.embedder.head.distance()
