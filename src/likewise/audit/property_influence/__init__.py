"""Influence of image properties on an embedding: Normalized R-Precision per property, comparison of models."""
