"""Loss parameters that publications tuned, by data set: what presets and comparisons start from.

Sources: Background Bias (Kobs & Hotho 2022) for contrastive, triplet, multi_similarity, arcface and
normalized_softmax, in full precision; the configurations of A Metric Learning Reality Check (Musgrave et al.
2020) for the others, as rounded in our notes. All on BN-Inception, 128 dimensions, batch 32.
"""

from typing import Any, NamedTuple

from likewise.arguments import checked
from likewise.errors import ConfigError, choices
from likewise.losses.spec import LossSpec, MinerSpec

DATASETS = ("cars196", "cub200", "sop")


class PublishedLoss(NamedTuple):
    """A tuned loss and the learning rate of its own weights (None: it has none)."""

    spec: LossSpec
    learning_rate: float | None


_LEARNING_RATE = "learning_rate"
_EPSILON = "epsilon"

# {loss: {parameter: (cars196, cub200, sop)}}; None = not used on that data set.
_TUNED: dict[str, dict[str, tuple[float | None, float | None, float | None]]] = {
    "contrastive": {
        "pos_margin": (0.26523381895861114, -0.19999999999999726, 0.2850258234628094),
        "neg_margin": (0.5409405918690342, 0.3841191369511769, 0.5130146609636679),
    },
    "triplet": {"margin": (0.11902737154413517, 0.09610074859813894, 0.04519248868248313)},
    "multi_similarity": {
        "alpha": (14.358760978642266, 0.010000000000000505, 8.492496310524517),
        "beta": (75.83486384086837, 50.601773762279336, 57.38862611417401),
        "base": (0.6615555839124118, 0.5624815816186126, 0.41673621630849955),
    },
    "multi_similarity+miner": {
        "alpha": (7.49, 17.97, 15.94),
        "beta": (47.99, 75.66, 156.61),
        "base": (0.63, 0.77, 0.72),
        _EPSILON: (0.72, 0.39, 0.34),
    },
    "arcface": {
        "margin": (20.52230893710211, 23.225935497468093, 18.63185573324141),
        "scale": (49.501652066223656, 99.99999999999999, 220.36285192573413),
        _LEARNING_RATE: (7.398518179078544e-06, 0.0051384088179694, 0.0020186601854510562),
    },
    "normalized_softmax": {
        "temperature": (0.08863250090946041, 0.10874714987070239, 0.06306243924788482),
        _LEARNING_RATE: (0.011046164985524668, 0.004468915155818225, 0.0005468337161961759),
    },
    "ntxent": {"temperature": (0.0219, 0.0091, 0.0002)},
    "proxy_nca": {"softmax_scale": (7.97, 13.98, 10.73), _LEARNING_RATE: (4.43e-3, 6.04e-3, 5.28e-4)},
    "margin": {
        "margin": (0.0781, 0.0878, 0.0915),
        "beta": (1.3164, 0.7838, 1.1072),
        _LEARNING_RATE: (1.11e-4, 1.31e-3, 1.82e-3),
    },
    "margin_class": {
        "margin": (0.0776, 0.0779, 0.0518),
        "beta": (0.9598, 0.9796, 0.8424),
        _LEARNING_RATE: (4.76e-5, 2.65e-4, 7.10e-5),
    },
    "cosface": {
        "margin": (0.4324, 0.6182, 0.3364),
        "scale": (161.5, 100.0, 100.0),
        _LEARNING_RATE: (7.41e-3, 2.53e-3, 2.16e-3),
    },
    "fast_ap": {"num_bins": (27, 17, 16)},
    "snr_contrastive": {
        "pos_margin": (0.1670, 0.3264, 0.3759),
        "neg_margin": (0.9337, 0.8446, 1.0831),
        "zero_mean_weight": (0.0, 0.1382, 0.0),
    },
    "soft_triple": {
        "la": (17.69, 78.02, 100.0),
        "gamma": (19.18, 58.95, 47.90),
        "center_weight": (0.0669, 0.3754, None),
        "margin": (0.3588, 0.4307, 0.3145),
        _LEARNING_RATE: (1.40e-4, 5.37e-5, 8.68e-5),
    },
}


@checked
def published(loss: str, dataset: str) -> PublishedLoss:
    """The tuned parameters of a loss on a data set.

    Args:
        loss: a loss's name, or ``multi_similarity+miner``.
        dataset: ``cars196``, ``cub200`` or ``sop``.

    Raises:
        ConfigError: nothing was published for that loss or data set.
    """
    if dataset not in DATASETS:
        raise ConfigError(
            f"There are no published loss parameters for {dataset!r}: {choices(dataset, DATASETS)}"
        )
    if loss not in _TUNED:
        raise ConfigError(f"There are no published parameters for loss {loss!r}: {choices(loss, _TUNED)}")
    column = DATASETS.index(dataset)
    values: dict[str, Any] = {
        key: row[column] for key, row in _TUNED[loss].items() if row[column] is not None
    }
    learning_rate = values.pop(_LEARNING_RATE, None)
    epsilon = values.pop(_EPSILON, None)
    miner = MinerSpec(name="multi_similarity", params={_EPSILON: epsilon}) if epsilon is not None else None
    if loss == "margin":
        values["learn_beta"] = True
    return PublishedLoss(
        LossSpec(name=loss.split("+", maxsplit=1)[0], params=values, miner=miner), learning_rate
    )
