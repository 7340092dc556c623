"""Measured answers to "what does this model look at?": each audit returns a typed, drawable result."""

from likewise.audit.agreement_audit import agreement, agreement_of_stores, agreement_of_sweep
from likewise.audit.agreement_plan import Training
from likewise.audit.agreement_result import AgreementAudit, GroupTest, PairAgreement
from likewise.audit.agreement_statistics import FisherMean, correlation, fisher_mean, jensen_shannon
from likewise.audit.background_audit import background
from likewise.audit.background_compare import BackgroundComparison, saliency_figure
from likewise.audit.background_conditions import ConditionEvaluation, evaluate_conditions
from likewise.audit.background_result import BackgroundAudit
from likewise.audit.faithfulness_audit import faithfulness
from likewise.audit.faithfulness_result import Advantage, FaithfulnessAudit
from likewise.audit.property_audit import properties, share_of_possible
from likewise.audit.property_comparison import GroupDifference, PropertyComparison
from likewise.audit.property_result import PropertyAudit, PropertyInfluence
from likewise.audit.property_sweep import properties_of_sweep

__all__ = [
    "Advantage",
    "AgreementAudit",
    "BackgroundAudit",
    "BackgroundComparison",
    "ConditionEvaluation",
    "FaithfulnessAudit",
    "FisherMean",
    "GroupDifference",
    "GroupTest",
    "PairAgreement",
    "PropertyAudit",
    "PropertyComparison",
    "PropertyInfluence",
    "Training",
    "agreement",
    "agreement_of_stores",
    "agreement_of_sweep",
    "background",
    "correlation",
    "evaluate_conditions",
    "faithfulness",
    "fisher_mean",
    "jensen_shannon",
    "properties",
    "properties_of_sweep",
    "saliency_figure",
    "share_of_possible",
]
