"""Attributable visual similarity learning (AVSL): everything that only models with an AVSL head need.

Source: Zhang et al., Attributable Visual Similarity Learning, CVPR 2022. The mathematics stands below
:mod:`likewise.models`, which builds networks from it: the head, its distance, links and maps, the exact sums over
levels, nodes and regions (``attribution``), the losses, and the certified nearest-neighbour search (``search``).
Three modules use the packages above and are imported late by them: ``initialization`` (by training) and
``explanation`` (by explain). ``likewise.losses.avsl`` holds the losses' parameters, as for every other loss.
"""
