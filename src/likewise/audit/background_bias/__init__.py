"""Does the background decide what a model finds similar? Conditions, attention scores, comparison of models."""
