"""What is kept of a training: read back as written, None where nothing is, one sentence where it is damaged."""

from pathlib import Path

import pytest

from likewise.errors import ConfigError, LikewiseError, ModelError
from likewise.models import TrainedOn
from likewise.training.run_record import RunData

KNOWN = TrainedOn(catalog="c.csv", fingerprint="0" * 8, classes=("a", "b"), images=("1.jpg", "2.jpg"))
RECORDS = {
    "trained_on.json": (KNOWN, ModelError, "remove it"),
    "data.json": (RunData(trained_on=KNOWN, validated_on=("c",), bytes=(3, -1)), ConfigError, "--out"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    record, _, _ = RECORDS[name]
    assert type(record).read(tmp_path) is None
    record.write(tmp_path)
    assert (tmp_path / name).is_file()
    assert type(record).read(tmp_path) == record


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"catalog": 3}'])
@pytest.mark.parametrize("name", RECORDS)
def test_a_damaged_record_is_one_sentence_with_a_way_out(name: str, content: bytes, tmp_path: Path) -> None:
    record, kind, way_out = RECORDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LikewiseError) as refused:
        type(record).read(tmp_path)
    assert refused.type is kind
    assert f"{name} is damaged" in str(refused.value) and way_out in str(refused.value)
    assert "\n" not in str(refused.value)
