"""Commands with nearly all of their options, and what must reach the functions behind them."""
# ruff: noqa: E501 - one line per row of a table

from pathlib import Path
from typing import Any

from likewise.checks.profile import Profile
from likewise.explain import SaliencySettings
from likewise.retrieval import EmbeddingOptions

VAL, ALL = "24 images of photos", "72 images of photos"
IMAGES = "--split val --root photos"
MODEL = "--weights w.pt --preprocessing imagenet --device cpu"
NAME = ("M", None, None, None, None)
LOADED = ("M", Path("w.pt"), "cpu", "imagenet", None)
SPEED = {"batch_size": 3, "num_workers": 0, "progress": True}
OPTIONS = EmbeddingOptions(batch_size=3, num_workers=0, precision="bf16")

# Words of a command, the function they reach, and what arrives there; then how the model is loaded.
ROWS: list[tuple[str, str, dict[str, Any], tuple[Any, ...]]] = [
    (f"embed M c.csv --out e.npz {IMAGES} {MODEL} --dim 4 --batch-size 3 --workers 0 --precision bf16 --runtime torch",
     "likewise.models.embed_to_file",
     {"catalog": VAL, "out": "e.npz", "batch_size": 3, "num_workers": 0, "precision": "bf16"}, (*LOADED[:4], 4)),
    ("export M --out m.pt --to torchscript --weights w.pt --preprocessing imagenet", "likewise.models.export",
     {"file": "m.pt", "to": "torchscript"}, LOADED),
    (f"eval M c.csv {IMAGES} {MODEL} --recall-at 3 --recall-at 5 --metric map --batch-size 3 --workers 0",
     "likewise.retrieval.evaluate_model",
     {"catalog": VAL, "queries": None, "gallery": None, "embedding": SPEED, "recall_at": [3, 5], "metrics": ["map"]}, LOADED),
    ("eval M c.csv --root photos --query-split val --queries \"label = 'class 7'\" --gallery-split train "
     "--gallery \"label = 'class 0' or label = 'class 1'\"", "likewise.retrieval.evaluate_model",
     {"catalog": ALL, "queries": "8 images of photos", "gallery": "16 images of photos"}, NAME),
    (f"eval M c.csv {IMAGES} --text-column label --recall-at 3", "likewise.retrieval.evaluate_texts",
     {"catalog": VAL, "column": "label", "recall_at": [3]}, NAME),
    (f"eval M c.csv {IMAGES} {MODEL} --backgrounds photos --repeats 7 --recall-at 3 --metric map --seed 9 --batch-size 3 --workers 0",
     "likewise.audit.evaluate_conditions",
     {"catalog": VAL, "backgrounds": "photos", "repeats": 7, "recall_at": [3], "metrics": ["map"], "seed": 9, "batch_size": 3, "num_workers": 0}, LOADED),
    (f"eval M c.csv {IMAGES} --dim 4 --runtime onnx", "likewise.models.use_runtime", {"model": "4 of M, 8", "runtime": "onnx", "images": VAL}, NAME),
    (f"calibrate M c.csv {IMAGES} {MODEL} --false-match-rate 0.2 --confidence 0.8 --seed 9 --out t.json --batch-size 3 --workers 0",
     "likewise.retrieval.calibrate_model",
     {"catalog": VAL, "false_match_rate": 0.2, "level": 0.8, "seed": 9, "embedding": SPEED}, LOADED),
    (f"explain M a.png b.png {MODEL} --no-check --hiding-masks 5 --hide-by tokens --seed 9", "likewise.explain.explain_pair",
     {"a": "a.png", "b": "b.png", "check": False, "hiding_masks": 5, "hide_by": "tokens", "seed": 9}, LOADED),
    (f"explain M a.png --text red {MODEL}", "likewise.explain.explain_text", {"image": "a.png", "text": "red"}, LOADED),
    (f"explain M c.csv --node 2:137 {IMAGES} {MODEL}", "likewise.explain.name_node", {"catalog": VAL, "level": 2, "node": 137}, LOADED),
    (f"saliency M c.csv --out maps {IMAGES} {MODEL} --method grad_cam --samples 7 --absolute after_mean --distance euclidean --dtype float16 "
     "--batch-size 3 --precision bf16 --seed 9", "likewise.explain.make_store",
     {"catalog": VAL, "folder": "maps", "kind": "float16", "batch_size": 3, "precision": "bf16",
      "settings": SaliencySettings(method="grad_cam", samples=7, absolute="after_mean", distance="euclidean", seed=9)}, LOADED),
    ("train catalog/arcface -o seed=3 -o model.dim=8 --out runs/x", "likewise.training.train",
     {"experiment": "catalog/arcface", "overrides": ["seed=3", "model.dim=8"], "out": "runs/x", "resume": None}, ()),
    ("train --resume runs/x -o trainer.max_epochs=3", "likewise.training.train",
     {"experiment": None, "overrides": ["trainer.max_epochs=3"], "out": None, "resume": "runs/x"}, ()),
    ("train catalog/* --sweep losses -o seed=3 --loss arcface --loss ntxent --fold 0 --fold 2 --out sweeps/x", "likewise.training.sweep",
     {"presets": "catalog/*", "overrides": ["seed=3"], "out": "sweeps/x", "losses": ["arcface", "ntxent"], "folds": [0, 2]}, ()),
    ("train catalog/* --sweep losses", "likewise.training.sweep", {"out": "sweeps/catalog-losses", "losses": None, "folds": None}, ()),
    (f"fit whitening M c.csv --out fitted {IMAGES} {MODEL} --runtime torch --batch-size 3 --workers 0",
     "likewise.models.embedding_job.embedding_job",
     {"catalog": ALL, "folder": "fitted.parts", "batch_size": 3, "num_workers": 0}, LOADED),
    (f"fit whitening M c.csv --out fitted {IMAGES} {MODEL} --runtime torch --dim 4 --no-whiten --shrinkage 0.5",
     "likewise.training.fit_whitening", {"catalog": ALL, "dim": 4, "split": "val", "whiten": False, "shrinkage": 0.5}, LOADED),
    (f"check M c.csv {IMAGES} {MODEL} --only retrieval --skip retrieval.slices --backgrounds photos --no-exact-masks --should-matter split "
     "--should-not-matter mask --tolerate 0.5 --budget 2m --seed 9 --batch-size 3 --summary s.md --reference OTHER --profile p.yaml", "likewise.checks.check",
     {"catalog": VAL, "only": ["retrieval"], "skip": ["retrieval.slices"], "profile": Profile(tolerate=0.25), "backgrounds": "photos", "exact_masks": False,
      "should_matter": ["split"], "should_not_matter": ["mask"], "tolerate": 0.5, "budget_s": 120.0, "seed": 9, "batch_size": 3,
      "parts": "s.md.parts", "reference": "OTHER, 8",
      "words": {"MODEL": "M --weights w.pt --preprocessing imagenet", "TABLE": "c.csv", "IMAGE": "photos/6-0.png",
                "CATALOG": "c.csv --root photos --split val", "DIR": "photos"}}, LOADED),
    (f"data duplicates c.csv M {IMAGES} {MODEL} --state s.npz", "likewise.curation.duplicates",
     {"images": VAL, "model": "M, 8", "state": "s.npz"}, LOADED),
    (f"data suspects c.csv M {IMAGES} {MODEL} --batch-size 3 --seed 9", "likewise.curation.suspects",
     {"embeddings": "24 images of photos, 3 at once", "seed": 9}, LOADED),
    (f"data map c.csv M --out m.html {IMAGES} {MODEL} --batch-size 3 --seed 9 --method umap --color split", "likewise.report.image_map.map_page",
     {"catalog": VAL, "embeddings": "24 images of photos, 3 at once", "method": "umap", "color": "split", "title": "Map of c.csv", "seed": 9}, LOADED),
    ("data fold c.csv --folds 3 --root photos", "likewise.data.splits.with_fold", {"catalog": ALL, "number": 0, "folds": 3}, ()),
    ("data prepare table c.csv --split half --image-dir photos --path-column p --label-column l", "likewise.data.preparing.prepare_table",
     {"source": "c.csv", "split": "half", "images": "photos", "path_column": "p", "label_column": "l"}, ()),
    ("data prepare cub200 photos --split background-bias --download", "likewise.data.preparing.prepare",
     {"name": "cub200", "source": "photos", "split": "background-bias", "download": True}, ()),
    (f"data check c.csv {IMAGES} --no-decode --workers 3", "likewise.data.checking.check", {"catalog": VAL, "decode": False, "workers": 3}, ()),
    ("data render products --out s.csv --count 7 --preset samples --size 32 --seed 9 --samples-per-pixel 2 --workers 3 --class mug --articles 5 "
     "--background-correlation 0.5 --test-background-correlation 0.25 --surface wood --backgrounds photos --hold-out --fix light=softbox "
     "--format png --blender-python p", "likewise.scenes.commands.render_set",
     {"what": "products", "out": "s.csv", "count": 7, "preset": "samples", "size_px": 32, "seed": 9, "samples": 2, "workers": 3,
      "classes": ["mug"], "articles": 5, "background_correlation": 0.5, "test_background_correlation": 0.25, "surfaces": ["wood"],
      "backgrounds": "photos", "split": True, "held": {"light": "softbox"}, "image_format": "png", "blender_python": "p"}, ()),
    (f"masks make c.csv --model u2netp --out m.csv {IMAGES} --batch-size 3 --workers 2 --runtime auto", "likewise.jobs.object_masks.make_masks",
     {"catalog": VAL, "model": "u2netp in 1 threads, auto, for 24 images", "out": "m.csv", "batch_size": 3, "workers": 2, "engine": "local"}, ()),
    ("masks make c.csv --engine ray", "likewise.jobs.object_masks.make_masks",
     {"model": "u2net in 0 threads, onnx, for 72 images", "out": "c-masked.csv", "batch_size": 4, "workers": 0, "engine": "ray"}, ()),
    (f"masks score c.csv d.csv --predicted-column mask --true-column other {IMAGES}", "likewise.data.mask_metrics.score_masks",
     {"predicted": ALL, "true": VAL, "predicted_column": "mask", "true_column": "other"}, ()),
    (f"index build M c.csv --out x.index {IMAGES} {MODEL} --dim 4 --batch-size 3 --workers 0 --precision bf16 --runtime torch",
     "likewise.retrieval.Index.create",
     {"path": "x.index", "catalog": VAL, "options": OPTIONS, "reference": ["M#4", "--weights", "w.pt", "--preprocessing", "imagenet"]},
     ("M#4", *LOADED[1:])),
    (f"index add x.index c.csv --model M {IMAGES} {MODEL} --batch-size 3 --workers 0 --precision bf16", "likewise.retrieval.Index.add",
     {"catalog": VAL, "options": OPTIONS}, LOADED),
    (f"index sync x.index c.csv --model M {IMAGES} {MODEL} --batch-size 3 --workers 0 --precision bf16 --keep-deleted --dry-run",
     "likewise.retrieval.Index.sync",
     {"catalog": VAL, "options": OPTIONS, "keep_deleted": True, "dry_run": True, "device": "cpu"}, LOADED),
    ("index remove x.index a b --where \"label = 'x'\"", "likewise.retrieval.Index.remove", {"ids": ["a", "b"], "where": "label = 'x'"}, ()),
    ("index approximate x.index --approximate-recall 0.5 --vectors int8", "likewise.retrieval.Index.build_approximate",
     {"recall": 0.5, "vectors": "int8"}, ()),
    (f"search x.index a.png --model M {MODEL} -k 7 --where \"label = 'x'\" --skip-self --approximate", "likewise.retrieval.Index.search",
     {"query": "the vector of a.png", "k": 7, "where": "label = 'x'", "exclude": ["its copy"], "approximate": True}, LOADED),
    (f"search x.index --id i --text red --without handle --unlike b.png --weight 0.5 --model M {MODEL}", "likewise.retrieval.mixed_query",
     {"image": "the vector of the image i", "texts": ["red"], "without": ["handle"], "unlike": ["b.png"], "weight": 0.5}, LOADED),
    (f"audit background M c.csv --name N --backgrounds photos {IMAGES} {MODEL} --repeats 7 --compositing clean --attention-images 5 --method grad_cam "
     "--exact-masks --seed 9 --batch-size 3 --out page.html", "likewise.audit.background",
     {"model": "N, 8", "catalog": VAL, "backgrounds": "photos", "repeats": 7, "compositing": "clean", "attention_images": 5, "exact_masks": True, "seed": 9,
      "saliency": SaliencySettings(method="grad_cam"), "batch_size": 3}, LOADED),
    (f"audit agreement M M c.csv {IMAGES} --name a --name b --weights b=w.pt --preprocessing b=imagenet --device cpu --saliency-dir maps --no-random-weights --no-noise-floor --images 10 "
     "--method grad_cam --samples 7 --batch-size 3 --precision bf16 --seed 9 --group x --group y --trained-as p --trained-as q", "likewise.audit.agreement",
     {"catalog": "10 images of photos", "folder": "maps", "random_weights": False, "noise_floor": False, "batch_size": 3, "precision": "bf16",
      "settings": SaliencySettings(method="grad_cam", samples=7, seed=9), "groups": {"p": "x", "q": "y"},
      "trainings": {"a": ["p", "training 1"], "b": ["q", "training 1"]}, "models": ["a, 8", "b, 8"]}, LOADED),
    (f"audit properties M c.csv --name N {IMAGES} {MODEL} --property split --should-matter split --should-not-matter mask --ranks --period angle=360 "
     "--published --permutations 25 --seed 9", "likewise.audit.properties",
     {"model": "N, 8", "catalog": VAL, "names": ["split"], "should_matter": ["split"], "should_not_matter": ["mask"], "ranks": True,
      "periods": {"angle": 360.0}, "published": True, "permutations": 25, "seed": 9}, LOADED),
    (f"audit faithfulness M c.csv --name N {IMAGES} {MODEL} --pairs 7 --random-choices 2 --hiding-masks 4 --hide-by tokens --samples 3 --seed 9 "
     "--batch-size 3 --out page.html", "likewise.audit.faithfulness",
     {"model": "N, 8", "catalog": VAL, "pairs": 7, "random_choices": 2, "hiding_masks": 4, "hide_by": "tokens", "samples": 3, "seed": 9, "batch_size": 3,
      "parts": "page.html.parts"}, LOADED),
    (f"audit robustness M c.csv --name N {IMAGES} {MODEL} --images 7 --change blur --change jpeg --seed 9 --batch-size 3", "likewise.audit.robustness",
     {"model": "N, 8", "catalog": VAL, "images": 7, "changes": ["blur", "jpeg"], "seed": 9, "batch_size": 3}, LOADED),
    (f"audit run M c.csv properties -o permutations=25 --name N {IMAGES} {MODEL}", "likewise.audit.registry.run",
     {"name": "properties", "model": "N, 8", "catalog": VAL, "permutations": 25}, LOADED),
    (f"import avsl w.pt --out imported --links-from c.csv {IMAGES} --topk 7 --gamma 2.5", "likewise.models.published.import_avsl",
     {"checkpoint": "w.pt", "links_from": VAL, "topk": 7, "gamma": 2.5}, ()),
    ("import background-bias w.pt --out imported --distance snr", "likewise.models.published.import_background_bias",
     {"checkpoint": "w.pt", "distance": "snr"}, ()),
    ("import reality-check photos --out imported --distance snr", "likewise.models.published.import_reality_check",
     {"folder": "photos", "distance": "snr"}, ()),
    ("demo photos --out d --weights w.pt --train --epochs 7", "likewise.demo.run_demo",
     {"data": "photos", "out": "d", "weights": "w.pt", "train": True, "epochs": 7}, ()),
]  # fmt: skip


# Options for what a command prints or writes itself.
OUTPUT = {
    "--json", "--out", "--sheet", "--tables", "--fail-on", "--fail-under", "--fail-above", "--junit", "--summary", "--badge", "--annotations",
    "--per-class", "--title", "--help",
}  # fmt: skip
# Tested otherwise, mostly where the whole command runs.
WHOLE = {
    ("check", "--list"), ("data prepare", "--root"), ("data duplicates", "--new"), ("search", "--label"), ("search", "--threshold"),
    ("eval", "--average"), ("eval", "--confidence"), ("index build", "--approximate-recall"), ("index build", "--vectors"), ("audit properties", "--group"),
}  # fmt: skip
ELSEWHERE = {"serve", "report", "presets", "help", "doctor", *(f"keys {name}" for name in ("new", "list", "revoke")),
             "models list", "models info"}  # fmt: skip
