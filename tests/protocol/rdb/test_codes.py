from protocol.rdb import codes


def numbers() -> dict[str, int]:
    return {name: value for name, value in vars(codes).items() if isinstance(value, int)}


def test_no_two_things_in_one_place_share_a_number() -> None:
    leading = [value for name, value in numbers().items() if not name.startswith(("ENCODED_", "NODE_"))]
    assert len(leading) == len(set(leading))


def test_kinds_of_value_stay_below_the_other_codes() -> None:
    assert codes.STREAM_LISTPACKS_3 < codes.FUNCTION_2 < codes.EOF == 0xFF
    assert all(kind in numbers().values() for kind in codes.UNSUPPORTED)
