"""Bad values for every option and argument of every command, by what the option takes."""
# ruff: noqa: E501 - one line per row of a table

LONG = "n" * 300  # longer than a file name may be
HOSTILE = ["\x1b]0;owned\x07\x1b[31m", "[/nope] :cat: [red]", "__import__('os').system('touch owned')",
           "'; DROP TABLE x; --", "<script>alert(1)</script>", "../../../etc/passwd", "$(touch owned)", "\u202ea",
           "=cmd|' /C calc'!A0", "%s%n{0}{x}", "\udcff"]  # fmt: skip

NO_NUMBER = ["x", "", "nan", "1e3", "0x10", "1_0\u00b2"]
NO_COUNT = ["0", "-1", "2.5", "9" * 25, *NO_NUMBER]
NO_SHARE = ["x", "", "nan", "inf", "-inf", "-0.5", "1.5"]
NO_FOLDER_IN = ["gone", "catalog.csv", "", LONG]
NO_FILE_IN = ["gone.json", "a-folder", "", LONG, "note.txt"]
NO_KEYS = ["note.json", "a-folder", "catalog.csv", "", LONG]
NO_CHOICE = ["nonsense", "", " ", LONG]

Values = list[str]


def no_file_out(*wrong: str) -> Values:
    """Places where a file cannot be written, and endings that are not written."""
    return ["a-folder", "catalog.csv/below.csv", "", f"{LONG}.png", *wrong]


NO_FOLDER_OUT = ["catalog.csv", "catalog.csv/below", "", LONG]
NO_CATALOG = [
    "gone.csv",
    "gone",
    "note.csv",
    "note.parquet",
    "note.xlsx",
    "note.txt",
    "note.png",
    "a-folder",
    "",
    LONG,
]
NO_MODEL = ["vectors:gone.npz", "vectors:note.npz", "vectors:note.txt", "hf:org/name", "gone", "a-folder", "note.txt", "onnx:note.onnx", "onnx:gone.onnx", "timm:nonsense", "nonsense:x", "torch:",
            "torch:nonsense.module:f", "torch:json:dumps", "likewise:huge", "", " ", LONG, "x.index", "catalog.csv"]  # fmt: skip
NO_IMAGE = [
    "gone.png",
    "a-folder",
    "note.png",
    "note.txt",
    "empty.png",
    "",
    LONG,
    "https://example.com/a.png",
]
NO_INDEX = ["gone.index", "a-folder", "catalog.csv", "run", "", LONG, "s3:/bucket"]
NO_CONDITION = ["", "lable = 'a'", "label ==", "label = 'a", "open('x')", "label.str.len() > 1", "; DROP TABLE", LONG,
                "label = 'a' AND", "\x00", "(" * 3000, *HOSTILE]  # fmt: skip
NO_OVERRIDE = ["", "x", "=", "=1", "model.dim=x", "model.dim=-1", "modle.dim=8", "model.dim.x=3", "a=[" * 50,
               "seed=1e999", "loss.name=nonsense", "trainer.num_workers=1000000", *HOSTILE]  # fmt: skip

# What an option takes, by its name; some commands take something else under a name.
BAD: dict[str, Values] = {
    "--batch-size": NO_COUNT, "--repeats": NO_COUNT, "--samples": NO_COUNT, "--samples-per-pixel": NO_COUNT, "--random-choices": NO_COUNT, "--epochs": NO_COUNT,
    "--folds": NO_COUNT, "--count": NO_COUNT, "--size": NO_COUNT, "-k": NO_COUNT, "--images": NO_COUNT,
    "--permutations": NO_COUNT, "--topk": NO_COUNT, "--pairs": NO_COUNT,
    "--workers": ["-1", "2.5", "9" * 25, "1000000", *NO_NUMBER],
    "--hiding-masks": ["-1", "2.5", "9" * 25, *NO_NUMBER],
    "--attention-images": ["-1", "2.5", "9" * 25, *NO_NUMBER],
    "--seed": ["-1", "2.5", "9" * 25, *NO_NUMBER],
    "--confidence": ["0", "1", *NO_SHARE], "--approximate-recall": ["0", *NO_SHARE], "--vectors": ["int4", "int8,binary", *NO_CHOICE], "--false-match-rate": ["0", "1", *NO_SHARE], "--fail-above": NO_SHARE,
    "--background-correlation": NO_SHARE, "--test-background-correlation": NO_SHARE,
    "--gamma": ["x", "", "nan", "inf", "-1", "0"], "--shrinkage": ["x", "", "nan", "inf", "-1"], "--dim": NO_COUNT,
    "--threshold": ["nonsense", "", "nan", "inf", "-1", "gone.json", "note.json", "a-folder", LONG],
    "--recall-at": [*NO_COUNT, "1,2"], "--fold": ["0,1", "-1", "2.5", *NO_NUMBER], "--loss": ["", "nonsense", "arcface,ntxent"],
    "--precision": ["nonsense", "", " ", "bf16,float32", LONG],
    "--only": NO_CHOICE, "--skip": NO_CHOICE, "--junit": no_file_out("c.txt"), "--summary": no_file_out("c.txt"), "--badge": no_file_out("c.txt"),
    "--profile": ["gone.yaml", "note.yaml", "a-folder", "", LONG, "catalog.csv"], "--reference": ["gone.json", "note.json", "", LONG, "gone"],
    "--budget": ["", "10", "soon", "0s", "-1m", "1d", "nan"], "--tolerate": NO_SHARE, "--should-matter": ["gone", "path", "hue,split", "", LONG], "--should-not-matter": ["gone", "path", "hue,split", "", LONG],
    "--runtime": ["nonsense", "", " ", "torch,onnx", LONG],
    "--metric": NO_CHOICE, "--average": NO_CHOICE, "--method": NO_CHOICE, "--absolute": NO_CHOICE, "--distance": NO_CHOICE, "--hide-by": NO_CHOICE,
    "--dtype": NO_CHOICE, "--compositing": NO_CHOICE, "--fail-on": NO_CHOICE, "--engine": NO_CHOICE, "--to": NO_CHOICE,
    "--preset": NO_CHOICE, "--format": NO_CHOICE, "--split": NO_CHOICE, "--query-split": NO_CHOICE,
    "--gallery-split": NO_CHOICE, "--text-column": ["gone", "", "hue", "label"],
    "--fail-under": ["", "x", "recall@1", "recall@1=", "recall@1=x", "recall@1=2", "recall@1=nan", "recal@1=0.5", "=0.5"],
    "--root": NO_FOLDER_IN, "--backgrounds": [*NO_FOLDER_IN, "a-folder"],
    "--weights": ["gone.safetensors", "a-folder", "", "note.pt", "note.safetensors", "note.txt", LONG],
    "--preprocessing": ["nonsense", "gone.json", "", "note.json", "a-folder", "catalog.csv", LONG],
    "--device": ["nonsense", "", "cuda:99", "-1", " ", LONG],
    "--queries": NO_CONDITION, "--gallery": NO_CONDITION, "--where": NO_CONDITION,
    "--override": NO_OVERRIDE,
    "--sheet": no_file_out("sheet.doc", "sheet"), "--state": no_file_out("state.txt", "state", "note.npz"),
    "--tables": NO_FOLDER_OUT,
    "--saliency-dir": NO_FOLDER_OUT,
    "--name": ["", " "], "--group": ["", "x"], "--trained-as": ["", "x"],
    "--property": ["gone", "", ",", "path", "hue,split"],
    "--period": ["", "hue", "hue=", "hue=x", "hue=0", "hue=-1", "hue=nan", "hue=inf", "gone=360", "=3"],
    "--node": ["", "x", "1", "1:", ":", "1:2:3", "-1:0", "99:0", "0:9999999", "a:b", "0:0"],
    "--predicted-column": ["gone", "", "label"], "--true-column": ["gone", "", "label"],
    "--path-column": ["gone", ""], "--label-column": ["gone"],
    "--title": [], "--label": [],
}  # fmt: skip
# The same for what is peculiar to a command: its places to write, and its arguments.
OF_COMMAND: dict[str, dict[str, Values]] = {
    "demo": {"photos": NO_CATALOG, "--out": NO_FOLDER_OUT},
    "doctor": {},
    "help": {"command": NO_CHOICE},
    "search": {"index": NO_INDEX, "image": NO_IMAGE, "--model": NO_MODEL, "--unlike": NO_IMAGE, "--id": ["", "gone"],
               "--text": ["", " ", "red mug"], "--without": ["", " ", "handle"], "--weight": ["x", "", "nan", "inf", "-1", "0", "1e9"]},
    "models list": {},
    "models info": {"model": NO_MODEL},
    "embed": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("e.csv", "e")},
    "export": {"model": NO_MODEL, "--out": no_file_out("m.pt", "m")},
    "eval": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("e.pdf")},
    "calibrate": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": ["catalog.csv/below.json", "", f"{LONG}.json", "t.csv"]},
    "explain": {"model": NO_MODEL, "a": NO_IMAGE, "b": NO_IMAGE, "--out": no_file_out("why.txt", "why"),
                "--text": ["", " ", "red mug"]},
    "saliency": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": NO_FOLDER_OUT},
    "train": {
        "experiment": ["gone.yaml", "nonsense", "", " ", LONG, "note.yaml", "a-folder", "catalog.csv", "catalog/*"],
        "--out": NO_FOLDER_OUT, "--resume": ["gone", "a-folder", "catalog.csv", "", LONG], "--sweep": NO_CHOICE,
    },
    "fit whitening": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": ["run", *NO_FOLDER_OUT]},
    "presets": {"show": ["nonsense", " ", LONG]},
    "report": {"results": ["gone", "a-folder", "catalog.csv", "", LONG], "--out": no_file_out("page.pdf", "page")},
    "data prepare": {
        "kind": NO_CHOICE, "source": ["gone", "note.txt", "a-folder", "", LONG], "--out": no_file_out("prepared.txt", "prepared"),
        "--image-dir": NO_FOLDER_IN,
    },
    "check": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf")},
    "data check": {"catalog": NO_CATALOG},
    "data fold": {"catalog": NO_CATALOG, "--out": NO_FOLDER_OUT},
    "data duplicates": {"catalog": NO_CATALOG, "model": NO_MODEL, "--out": no_file_out("clean.txt", "clean")},
    "data suspects": {"catalog": NO_CATALOG, "model": NO_MODEL, "--out": no_file_out("clean.txt", "clean")},
    "data map": {"catalog": NO_CATALOG, "model": NO_MODEL, "--out": no_file_out("map.txt", "map"), "--color": ["gone", "", "path", LONG]},
    "data render": {
        "what": ["gone", "a-folder", "catalog.csv", "", LONG], "--out": no_file_out("scenes", "scenes.json"), "--articles": NO_COUNT,
        "--class": ["", "nonsense", "mug-camper,mug-camper"], "--surface": ["", "nonsense", "wood,stone"], "--fix": ["", "x", "nonsense=1", "hue=x", "=1"],
        "--blender-python": ["gone", "a-folder", "note.txt", ""],
    },
    "data published-cars": {"folder": ["gone", "a-folder", "catalog.csv", "", LONG], "--out": no_file_out("cars.txt", "cars")},
    "masks make": {"catalog": NO_CATALOG, "--model": ["nonsense", "gone.onnx", "note.onnx", "note.txt", "a-folder", "", LONG],
                   "--out": no_file_out("masked.txt", "masked")},
    "masks score": {"predicted": NO_CATALOG, "true": NO_CATALOG},
    "index build": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": ["a-folder", "catalog.csv", "catalog.csv/below", "", LONG]},
    "index add": {"--model": NO_MODEL, "index": NO_INDEX, "catalog": NO_CATALOG},
    "index sync": {"--model": NO_MODEL, "index": NO_INDEX, "catalog": NO_CATALOG},
    "index remove": {"index": NO_INDEX, "ids": []},
    "index approximate": {"index": NO_INDEX},
    "index info": {"index": NO_INDEX},
    "serve": {"indexes": NO_INDEX, "--host": ["nonsense.invalid", "256.1.1.1", "0.0.0.0", "", " ", LONG], "--port": ["x", "-1", "65536", ""],
              "--keys": NO_KEYS, "--reports": NO_FOLDER_IN, "--masks": ["nonsense", "gone.onnx", "note.onnx", "", LONG],
              "--host-name": ["", " ", "a b", "a/b", LONG], "--model": NO_MODEL,
              "--limit": ["", "x", "x=1", "k=", "k=x", "k=0", "k=-1", "k=nan", "k=2.5", "host=1", "seconds=0", "=1"]},
    "keys new": {"name": ["", " ", "a/b", "../a", LONG, *HOSTILE], "--role": NO_CHOICE, "--keys": [*NO_KEYS, "catalog.csv/below"]},
    "keys list": {"--keys": NO_KEYS},
    "keys revoke": {"name": ["gone", "", " ", LONG], "--keys": NO_KEYS},
    "import background-bias": {"checkpoint": NO_FILE_IN, "--out": NO_FOLDER_OUT},
    "import avsl": {"checkpoint": NO_FILE_IN, "--out": NO_FOLDER_OUT, "--links-from": NO_CATALOG},
    "import reality-check": {"folder": NO_FOLDER_IN, "--out": NO_FOLDER_OUT},
    "audit background": {"models": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf")},
    "audit agreement": {"models": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf")},
    "audit robustness": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf"), "--change": ["", "nonsense", "jpg"]},
    "audit properties": {"models": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf")},
    "audit run": {
        "model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf"),
        "audit": ["", "nonsense", "no_such_module:audit", "a b"], "--option": ["nonsense=1", "permutations", "permutations=x"],
    },
    "audit faithfulness": {"model": NO_MODEL, "catalog": NO_CATALOG, "--out": no_file_out("page.pdf")},
}  # fmt: skip
FREE: dict[str, str] = {
    "--json": "a flag", "--whiten": "a flag", "--list": "a flag", "--annotations": "a flag", "--train": "a flag", "--approximate": "a flag", "--hold-out": "a flag", "--per-class": "a flag", "--check": "a flag",
    "--download": "a flag", "--decode": "a flag", "--keep-deleted": "a flag", "--allow-urls": "a flag", "--dry-run": "a flag", "--skip-self": "a flag",
    "--random-weights": "a flag", "--noise-floor": "a flag", "--ranks": "a flag", "--published": "a flag", "--exact-masks": "a flag", "--new": "a flag",
}  # fmt: skip
