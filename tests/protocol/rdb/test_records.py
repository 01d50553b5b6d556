from protocol.rdb.records import BadFooter, CorruptFile, CorruptPayload, KeyRecord


def test_a_corrupt_file_says_where() -> None:
    error = CorruptFile(42, "unexpected end")
    assert (error.offset, error.reason, str(error)) == (42, "unexpected end", "unexpected end at offset 42")


def test_a_bad_footer_is_a_corrupt_payload() -> None:
    assert issubclass(BadFooter, CorruptPayload)


def test_a_key_lives_for_ever_unless_told() -> None:
    key = KeyRecord(0, b"k", b"v")
    assert (key.expire_ms, key.idle_s, key.frequency) == (0, None, None)
