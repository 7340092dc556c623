"""The demo: what likewise does, on rendered samples or on the user's photos, in two minutes and one page."""

from likewise.demo.run import EPOCHS, DemoResult, run_demo

__all__ = ["EPOCHS", "DemoResult", "run_demo"]
