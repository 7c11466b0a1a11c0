from lookalike.demo import demo
from lookalike.demo.demo import EDITS, STRANGERS


def test_every_edited_copy_is_closer_than_every_stranger() -> None:
    values = {one.b: one.value for one in demo().results}
    assert len(values) == len(EDITS) + len(STRANGERS)
    strangers = [values.pop(name) for name in STRANGERS]
    assert all(value is not None for value in [*strangers, *values.values()])
    assert min(v for v in values.values() if v) > max(v for v in strangers if v)


def test_the_page_shows_every_picture() -> None:
    found = demo()
    assert len(found.thumbnails) == 1 + len(EDITS) + len(STRANGERS)
