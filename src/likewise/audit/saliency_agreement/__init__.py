"""Do models look at the same locations? Correlation and divergence of their saliency maps."""
