"""Attributable visual similarity learning (AVSL): everything that only models with an AVSL head need.

Source: Zhang et al., Attributable Visual Similarity Learning, CVPR 2022. The mathematics is below
:mod:`likewise.models`, which builds networks from it: the head, its distance, links and maps, the exact sums over
levels, nodes and regions (``attribution``), the losses, and the certified nearest-neighbour search (``search``).
Two parts use the packages above and are imported late by them: ``initialization`` (by training) and
``explanation`` (by explain). ``likewise.losses.avsl`` contains the parameters of the losses, as for every other loss.
"""
