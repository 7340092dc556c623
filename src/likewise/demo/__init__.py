"""The demo: everything likewise does, on a small set of images, in a few minutes and one page."""

from likewise.demo.run import BGAUGMENT, SMALL_NETWORK, DemoResult, run_demo

__all__ = ["BGAUGMENT", "SMALL_NETWORK", "DemoResult", "run_demo"]
