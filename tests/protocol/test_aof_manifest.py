from __future__ import annotations

import pytest

from protocol.aof_manifest import AofFile, CorruptManifest, Manifest, parse_manifest

TEXT = b"""\
file appendonly.aof.2.base.rdb seq 2 type b
file appendonly.aof.1.base.rdb seq 1 type h
file appendonly.aof.4.incr.aof seq 4 type i
file appendonly.aof.5.incr.aof seq 5 type i
"""


def test_what_is_read_is_written() -> None:
    manifest = parse_manifest(b"# a remark\n" + TEXT)
    assert manifest.encode() == TEXT
    assert [each.sequence for each in manifest.files] == [2, 4, 5]
    assert (manifest.base_sequence, manifest.increment_sequence) == (2, 5)


def test_names_with_blanks_are_quoted() -> None:
    manifest = Manifest(AofFile('my "own" file', 1, "b"))
    assert manifest.encode() == b'file "my \\"own\\" file" seq 1 type b\n'
    assert parse_manifest(manifest.encode()).base == manifest.base


def test_a_new_base_makes_history_of_the_old_files() -> None:
    manifest = parse_manifest(TEXT)
    before = manifest.copy()
    manifest.add_increment("appendonly.aof")
    base = manifest.set_base("appendonly.aof", is_rdb=False)
    manifest.retire_increments(keep_last=True)
    assert base.name == "appendonly.aof.3.base.aof"
    assert [each.name for each in manifest.increments] == ["appendonly.aof.6.incr.aof"]
    assert {each.sequence for each in manifest.history} == {1, 2, 4, 5}
    assert all(each.kind == "h" for each in manifest.history)
    assert before.encode() == TEXT
    manifest.retire_increments(keep_last=False)
    assert manifest.increments == []


def test_words_that_are_not_known_are_left_alone() -> None:
    parsed = parse_manifest(b"FILE a SEQ 1 TYPE base more words\n")
    assert parsed.base == AofFile("a", 1, "b")


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 0, "Found an empty AOF manifest"),
        (b"\n", 1, "Invalid AOF manifest file format"),
        (b"file a seq 1 type b", 1, "The AOF manifest file contains too long line"),
        (b"file a seq 1\n", 1, "Invalid AOF manifest file format"),
        (b"file a seq x type b\n", 1, "Invalid AOF manifest file format"),
        (b'file "a seq 1 type b\n', 1, "Invalid AOF manifest file format"),
        (b"file ../a seq 1 type b\n", 1, "File can't be a path, just a filename"),
        (b"file a seq 1 type z\n", 1, "Unknown AOF file type"),
        (TEXT + b"file b seq 3 type b\n", 5, "Found duplicate base file information"),
        (TEXT + b"file b seq 5 type i\n", 5, "Found a non-monotonic sequence number"),
        (b"#\nfile " + b"a" * 1024 + b" seq 1 type b\n", 2, "The AOF manifest file contains too long line"),
    ],
)
def test_what_is_corrupt_is_told_as_redis_does(data: bytes, line: int, reason: str) -> None:
    with pytest.raises(CorruptManifest) as caught:
        parse_manifest(data)
    assert (caught.value.line, caught.value.reason) == (line, reason)
