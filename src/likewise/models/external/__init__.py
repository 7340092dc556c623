"""Models that likewise did not build: torch modules, ONNX files, the Hugging Face hub."""
