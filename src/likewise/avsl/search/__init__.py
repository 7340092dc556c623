"""The exact nearest-neighbour search under the AVSL distance: a certified lower bound rules out most pairs."""
