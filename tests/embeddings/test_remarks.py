from lookalike.embeddings import Remarks, Row
from lookalike.images import Reason


def test_only_rows_with_a_vector_are_remarked_on_and_each_picture_once() -> None:
    rows = [
        Row("a", detail="dark"),
        Row("a", detail="dark", view="flip"),
        Row("b", reason=Reason.MISSING, detail="no file"),
        Row("c"),
        *(Row(name, detail="dark") for name in "defg"),
        Row("h", detail="a preview"),
    ]
    assert Remarks(rows).notes == ("dark (5 pictures: a, d, e, ...)", "a preview (1 picture: h)")
    assert Remarks().notes == ()
