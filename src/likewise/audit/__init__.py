"""Measured answers to "what does this model look at?": each audit returns a typed, drawable result.

One folder per audit. A folder is named after what is measured, because `likewise.audit.background` is the function:
a folder of the same name would hide it from tools that read the source, such as those that build the documentation.
"""

from likewise.audit.background_bias.audit import background
from likewise.audit.background_bias.comparison import BackgroundComparison, saliency_figure
from likewise.audit.background_bias.conditions import ConditionEvaluation, evaluate_conditions
from likewise.audit.background_bias.result import BackgroundAudit
from likewise.audit.explanation_faithfulness.audit import faithfulness
from likewise.audit.explanation_faithfulness.result import Advantage, FaithfulnessAudit
from likewise.audit.property_influence.audit import adjusted_purity, properties, properties_of_sweep
from likewise.audit.property_influence.comparison import GroupDifference, PropertyComparison
from likewise.audit.property_influence.result import PropertyAudit, PropertyInfluence
from likewise.audit.registry import names, register, run
from likewise.audit.robustness_to_changes.audit import robustness
from likewise.audit.robustness_to_changes.result import ChangeEffect, RobustnessAudit
from likewise.audit.saliency_agreement.audit import agreement, agreement_of_stores, agreement_of_sweep
from likewise.audit.saliency_agreement.plan import Training
from likewise.audit.saliency_agreement.result import AgreementAudit, GroupTest, PairAgreement
from likewise.audit.saliency_agreement.statistics import FisherMean, correlation, fisher_mean, jensen_shannon

__all__ = [
    "Advantage",
    "AgreementAudit",
    "BackgroundAudit",
    "BackgroundComparison",
    "ChangeEffect",
    "ConditionEvaluation",
    "FaithfulnessAudit",
    "FisherMean",
    "GroupDifference",
    "GroupTest",
    "PairAgreement",
    "PropertyAudit",
    "PropertyComparison",
    "PropertyInfluence",
    "RobustnessAudit",
    "Training",
    "adjusted_purity",
    "agreement",
    "agreement_of_stores",
    "agreement_of_sweep",
    "background",
    "correlation",
    "evaluate_conditions",
    "faithfulness",
    "fisher_mean",
    "jensen_shannon",
    "names",
    "properties",
    "properties_of_sweep",
    "register",
    "robustness",
    "run",
    "saliency_figure",
]
