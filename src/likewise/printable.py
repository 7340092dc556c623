"""Text that came from outside (labels, file names, messages), made harmless for a terminal.

A label may hold an escape sequence that retitles the window or moves the cursor, or a bidirectional override that
displays a different text from the one that is compared. Such characters are replaced by their codes. Numbers are
printed with their noun.
"""

import re

# C0 and C1 control characters without tab and newline, line separators, bidirectional controls, lone surrogates.
ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_MINUTE, _HOUR = 60, 3600
_LONGEST_WORD, _END_LENGTH, _LONGEST_TEXT = 300, 100, 4000
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD},}}")


def inert(text: str) -> str:
    r"""``text`` with every character that a terminal would act upon replaced by its code.

    Tabs and newlines stay. A file name that is not valid UTF-8 keeps its bytes visible.

    >>> inert("wren\x1b[31m")
    'wren\\x1b[31m'
    """
    return ACTIVE.sub(lambda match: _code(ord(match[0])), text)


def one_line(text: str) -> str:
    r"""As :func:`inert`, with newlines and tabs shown as codes too, for a cell of a table.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return inert(text).replace("\n", "\\n").replace("\t", "\\t")


def shortened(text: str) -> str:
    """``text`` without the middle of what is too long to be read: a word of thousands of characters, or all of it.

    File names (255 characters at most) stay whole; of a longer word beginning and end are kept, to find it by.

    >>> shortened("No column " + "x" * 5000 + ".").replace("x", "")
    'No column ... (4,801 characters) ....'
    """
    if len(text) <= _LONGEST_WORD:
        return text
    text = _LONG_WORD.sub(lambda match: _without_middle(match[0], _END_LENGTH), text)
    return text if len(text) <= _LONGEST_TEXT else _without_middle(text, _LONGEST_TEXT // 2)


def _without_middle(text: str, end_length: int) -> str:
    return f"{text[:end_length]}... ({len(text) - 2 * end_length:,} characters) ...{text[-end_length:]}"


def _code(number: int) -> str:
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "epoch"), counted(1200, "image"), counted(2, "class")
    ('1 epoch', '1,200 images', '2 classes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """A time for people: "42 s", "3 min 05 s", "2 h 10 min".

    >>> duration(185)
    '3 min 05 s'
    """
    total = round(seconds)
    if total < _MINUTE:
        return f"{total} s"
    if total < _HOUR:
        return f"{total // _MINUTE} min {total % _MINUTE:02d} s"
    return f"{total // _HOUR} h {total % _HOUR // _MINUTE:02d} min"


def item_duration(seconds: float) -> str:
    """The time of one item: in tenths of a second up to two minutes."""
    return f"{seconds:.1f} s" if seconds < 2 * _MINUTE else duration(seconds)
