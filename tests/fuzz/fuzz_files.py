"""How many damaged files of each kind: in the suite, and with  make fuzz."""

FILES = {
    "images": 150,
    "catalogs": 40,
    "conditions": 60,
    "experiments": 30,
    "models": 10,
    "weights": 10,
    "onnx": 6,
    "embeddings": 30,
    "thresholds": 20,
    "reports": 20,
    "index": 15,
    "about": 5,
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
