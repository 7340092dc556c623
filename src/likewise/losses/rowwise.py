"""NT-Xent and lifted structure, row by row.

The library compares every positive pair with every negative pair of the batch, which takes gigabytes with a
cross-batch memory. Both losses need only one log-sum-exp over the negatives per anchor; the values are the same.
"""

import torch
from pytorch_metric_learning import losses
from torch import Tensor
from torch.nn.functional import relu, softplus

from likewise.losses.memory import Indices


class RowwiseNTXent(losses.NTXentLoss):  # type: ignore[misc]  # the library is untyped
    """The library's NTXentLoss in memory proportional to the pairs."""

    def pair_based_loss(self, mat: Tensor, indices_tuple: Indices) -> object:
        """Cross-entropy of each positive pair against the negatives of its anchor; mat: (B, M)."""
        anchor, positive, neg_anchor, negative = indices_tuple
        if len(anchor) == 0 or len(neg_anchor) == 0:
            return self.zero_losses()
        scores = mat / self.temperature
        against = _log_sum_exp(scores, neg_anchor, negative)[anchor]
        return {
            "loss": {
                "losses": softplus(against - scores[anchor, positive]),
                "indices": (anchor, positive),
                "reduction_type": "pos_pair",
            }
        }


class RowwiseLiftedStructure(losses.LiftedStructureLoss):  # type: ignore[misc]  # the library is untyped
    """The library's LiftedStructureLoss in memory proportional to the pairs.

    Against a memory only the anchor's own negatives count, because the positive is in the memory and has
    none in the batch; the library mixes positions of memory and batch there.
    """

    def pair_based_loss(self, mat: Tensor, indices_tuple: Indices) -> object:
        """Half the squared hinge of each positive pair against its negatives; mat: (B, M) distances."""
        anchor, positive, neg_anchor, negative = indices_tuple
        if len(anchor) == 0 or len(neg_anchor) == 0:
            return self.zero_losses()
        near = _log_sum_exp(self.neg_margin - mat, neg_anchor, negative)
        against = near[anchor]
        if mat.shape[0] == mat.shape[1]:  # the batch with itself: the negatives of both ends
            against = torch.logaddexp(against, near[positive])
        hinge = relu(against + mat[anchor, positive] - self.pos_margin)
        return {
            "loss": {
                "losses": hinge.square() / 2,
                "indices": (anchor, positive),
                "reduction_type": "pos_pair",
            }
        }


def _log_sum_exp(scores: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Per row the log of the summed exponentials of its listed columns; very negative without any."""
    lowest = torch.finfo(scores.dtype).min / 2  # not -inf, whose gradient is undefined
    listed = torch.zeros_like(scores, dtype=torch.bool)
    listed[rows, columns] = True
    return torch.logsumexp(torch.where(listed, scores, lowest), dim=1)
