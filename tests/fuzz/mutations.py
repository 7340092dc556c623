"""Damaged copies of files: random bytes, extreme numbers, cuts, repetitions, and words that parsers stumble over.

Most damaged text is refused where it is parsed. So there are gentle changes, too: one value of a text becomes another.
"""

import re

import numpy as np

WORDS = (
    b"NaN",
    b"Infinity",
    b"-1",
    b"1e999",
    b"0",
    b"null",
    b"true",
    b"''",
    b"{}",
    b"[]",
    b"../../../etc/passwd",
    b"/dev/zero",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r",
    b"\n",
    b"\t",
    b'"',
    b"'",
    b",",
    b";",
    b"[" * 3000,
    b"{" * 3000,
    b"9" * 6000,
    b"a" * 5000,
    b"2024-13-45",
    b"!!python/object/apply:os.system ['true']",
    b"&a [*a]",
    b"<<: *a",
    b"${HOME}",
    b"__import__('os')",
    b"=1+1",
    b"\x1b]0;x\x07",
    "\u202e\u2028\U0001f600".encode(),
    b"Z" * 70_000,
)
NUMBERS = (0, 1, 2, 255, 256, 32_767, 65_535, 70_000, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

_TOKEN = re.compile(
    r"""(?P<quoted>'[^'\n]*'|"[^"\n:]*"(?!:))|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|(?P<operator>[<>=!]+)"""
    r"""|(?P<space>[ \t]+)|(?P<value>(?<=: )\w+)|(?P<word>\w+)|(?P<mark>[^\w\s])"""
)
_WEIGHTS = {"quoted": 5, "number": 5, "operator": 5, "value": 4, "space": 1, "word": 1, "mark": 1}
_OTHERS = {
    "quoted": (
        "",
        "Bär",
        "%",
        "a_",
        "cat",
        "2024-13-45",
        "2024-05-06",
        "\u202e",
        "=1+1",
        "[/x]",
        "a" * 5000,
        "NaN",
        "7",
    ),
    "number": (
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        "1e3",
        "-0.0",
        "1e-9",
        "3.5",
        "1000000000000",
        "1e999",
        "9" * 400,
        "1e308",
    ),
    "operator": ("<", ">", "=", "<=", ">=", "!=", "<>", "=="),
    "value": ("true", "false", "null", "0", "1", "cpu", "x", "NaN"),
    "space": ("  ", "", "\n", "\t", "\u00a0", " " * 5000),
    "word": ("AND", "or", "NOT", "label", "price", "LIKE", "true", "null", "x"),
    "mark": ("", "(", ")", ",", "-", "%", "*", ":", "''"),
}


def reworded(data: bytes, seed: int) -> bytes:
    """UTF-8 text of which one token is another of its kind: one of the text, or an odd one; the same for a seed."""
    random = np.random.default_rng(seed)
    text = data.decode("utf-8")
    tokens: dict[str, list[re.Match[str]]] = {}
    for token in _TOKEN.finditer(text):
        tokens.setdefault(str(token.lastgroup), []).append(token)
    kinds = sorted(tokens)
    weights = np.array([_WEIGHTS[kind] for kind in kinds], float)
    kind = str(random.choice(kinds, p=weights / weights.sum()))
    token = tokens[kind][int(random.integers(len(tokens[kind])))]
    if kind == "number" and random.random() < 0.5:
        near = float(token[0]) * random.uniform(0.5, 2)
        new = str(round(near)) if token[0].lstrip("-").isdecimal() else f"{near:.6g}"
    elif random.random() < 0.4:
        new = tokens[kind][int(random.integers(len(tokens[kind])))][0]
    else:
        new = _OTHERS[kind][int(random.integers(len(_OTHERS[kind])))]
        new = f"{token[0][0]}{new}{token[0][0]}" if kind == "quoted" else new
    return (text[: token.start()] + new + text[token.end() :]).encode("utf-8")


def mutated(data: bytes, seed: int) -> bytes:
    """``data`` with one to six changes; the same ones for the same seed."""
    random = np.random.default_rng(seed)
    content = bytearray(data)
    for _ in range(1 + min(5, int(random.poisson(0.8)))):
        # Headers decide more than what follows them.
        end = len(content) if random.random() < 0.6 else min(len(content), 200)
        at = int(random.integers(0, end + 1))
        _change(content, at, random)
    return bytes(content)


def _change(content: bytearray, at: int, random: np.random.Generator) -> None:
    kind = int(random.integers(0, 8))
    size = int(random.integers(1, 40))
    if kind == 0:
        content[at : at + 1] = random.bytes(1)
    elif kind == 1:
        content[at : at + size] = random.bytes(size)
    elif kind == 2:
        width = int(random.choice([1, 2, 4, 8]))
        value = int(random.choice(NUMBERS)) % (1 << 8 * width)
        content[at : at + width] = value.to_bytes(width, "big" if random.random() < 0.5 else "little")
    elif kind == 3:
        del content[at : at + size]
    elif kind == 4:
        word = WORDS[int(random.integers(len(WORDS)))]
        content[at : at + (len(word) if random.random() < 0.3 else 0)] = word
    elif kind == 5:
        content[at:at] = content[at : at + 20 * size]
    elif kind == 6 and random.random() < 0.3:
        del content[at:]
    else:
        other = int(random.integers(0, len(content) + 1))
        content[at : at + size] = content[other : other + size]
