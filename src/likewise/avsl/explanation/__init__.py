"""Explanations of AVSL models: pairs as sums over nodes, and single nodes."""
