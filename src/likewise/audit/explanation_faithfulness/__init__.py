"""Are the explanations of a model true? Hiding what they name, and the pointing game."""
