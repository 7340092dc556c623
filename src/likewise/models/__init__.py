"""Similarity models: building, loading, embedding, saving."""

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.head import AVSLHead, AVSLSpec
from likewise.avsl.measured_links import measure_links
from likewise.avsl.representation import Representation
from likewise.distances import DISTANCES
from likewise.models.backbone import Backbone, Level, LevelInfo
from likewise.models.backbone_registry import create_backbone
from likewise.models.batch_norm import freeze
from likewise.models.bn_inception import BNInception
from likewise.models.building import build
from likewise.models.capabilities import CAPABILITIES, Capability, capabilities
from likewise.models.custom_backbone import ModuleBackbone, register_backbone
from likewise.models.devices import pick_device
from likewise.models.distances import pairwise
from likewise.models.embedder import Embedder, SimilarityNetwork
from likewise.models.embedding_job import embed_to_file
from likewise.models.embeddings import Embeddings
from likewise.models.exporting import Exported, export
from likewise.models.kinds import KINDS
from likewise.models.loading import kinds, load, register_kind
from likewise.models.model_reference import ModelReference
from likewise.models.normalization import InputNormalization
from likewise.models.pooling import create_pooling
from likewise.models.projection import Projection
from likewise.models.runtimes import use_runtime
from likewise.models.similarity_model import SimilarityModel
from likewise.models.spec import ModelSpec
from likewise.models.trained_on import Overlap, TrainedOn, training_overlap
from likewise.models.weights import read_state_dict
from likewise.models.whitening import fit_projection
from likewise.runtime_choice import Runtime, RuntimeChoice

__all__ = [
    "CAPABILITIES",
    "DISTANCES",
    "KINDS",
    "AVSLDistance",
    "AVSLHead",
    "AVSLSpec",
    "BNInception",
    "Backbone",
    "Capability",
    "Embedder",
    "Embeddings",
    "Exported",
    "InputNormalization",
    "Level",
    "LevelInfo",
    "ModelReference",
    "ModelSpec",
    "ModuleBackbone",
    "Overlap",
    "Projection",
    "Representation",
    "Runtime",
    "RuntimeChoice",
    "SimilarityModel",
    "SimilarityNetwork",
    "TrainedOn",
    "build",
    "capabilities",
    "create_backbone",
    "create_pooling",
    "embed_to_file",
    "export",
    "fit_projection",
    "freeze",
    "kinds",
    "load",
    "measure_links",
    "pairwise",
    "pick_device",
    "read_state_dict",
    "register_backbone",
    "register_kind",
    "training_overlap",
    "use_runtime",
]
