"""Damaged copies of files: random bytes, extreme numbers, cuts, repetitions, and words that parsers stumble over."""

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
