"""Explanations of AVSL models: pairs as sums over nodes, and what a single node stands for."""
