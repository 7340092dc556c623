"""How many damaged files of each kind: in the suite, and with  make fuzz."""

FILES = {
    "images": 80,
    "catalogs": 20,
    "conditions": 40,
    "experiments": 20,
    "models": 5,
    "weights": 5,
    "onnx": 3,
    "embeddings": 15,
    "thresholds": 10,
    "reports": 10,
    "index": 7,
    "about": 3,
}
LONG = {
    "images": 2000,
    "catalogs": 300,
    "conditions": 600,
    "experiments": 300,
    "models": 150,
    "weights": 120,
    "onnx": 80,
    "embeddings": 200,
    "thresholds": 150,
    "reports": 150,
    "index": 150,
    "about": 80,
}
