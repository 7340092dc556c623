"""Which properties of the images steer an embedding? Normalized R-Precision per property, comparison of models."""
