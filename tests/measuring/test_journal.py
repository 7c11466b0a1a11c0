from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.errors import OverwriteError, UsageError
from lookalike.measuring.journal import Journal
from lookalike.measuring.measure import measure
from lookalike.measuring.measurement import Measurement, Task, files_now
from lookalike.measuring.subject import example_subject
from lookalike.measuring.timing import Effort

QUICK = Effort(repeats=2, seconds=0.0, most_seconds=0.2, warm_up=1)

QUESTION = {"pictures": "abc", "runtime": {"threads": None}, "bounds": (1, 2)}
PIXELS = measure(Task("pixels", example_subject(), effort=QUICK))


def begun(
    path: Path, question: Mapping[str, object] = QUESTION, **how: bool
) -> dict[str, Measurement]:
    return Journal(str(path), question).begun(**({"resume": True} | how))


def test_rows_that_were_added_are_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    assert begun(path) == {}
    Journal(str(path), QUESTION).add(PIXELS)
    assert begun(path) == {"pixels": PIXELS}


def test_a_model_that_failed_is_tried_again_and_its_later_row_counts(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    journal = Journal(str(path), QUESTION)
    journal.add(Measurement("pixels", "no weights"))
    assert begun(path) == {}
    journal.add(PIXELS)
    assert begun(path) == {"pixels": PIXELS}


def test_a_row_that_was_cut_off_is_dropped_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    journal = Journal(str(path), QUESTION)
    journal.add(PIXELS)
    whole = path.read_text()
    path.write_text(whole + whole.splitlines()[1][:200])  # a crash while writing
    assert begun(path) == {"pixels": PIXELS}
    journal.add(PIXELS)
    assert begun(path) == {"pixels": PIXELS}
    assert path.read_text() == whole + whole.splitlines()[1] + "\n"


def test_rows_of_another_question_are_refused_with_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    with pytest.raises(UsageError, match="pictures: abc / xyz"):
        begun(path, QUESTION | {"pictures": "xyz"})


def test_rows_are_not_overwritten_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    Journal(str(path), QUESTION).add(PIXELS)
    with pytest.raises(OverwriteError, match="resume"):
        begun(path, resume=False)
    assert begun(path) == {"pixels": PIXELS}
    assert begun(path, force=True) == {"pixels": PIXELS}  # resuming replaces nothing
    assert begun(path, resume=False, force=True) == {}
    assert begun(path) == {}


@pytest.mark.parametrize("content", ["no json\n", "[]\n", '{"question": 3}\n', '{"other": 1}\n'])
def test_a_file_that_holds_no_rows_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows"
    path.write_text(content)
    with pytest.raises(UsageError, match="no rows of a table"):
        begun(path)
    assert path.read_text() == content


def test_a_row_that_is_damaged_is_an_error_and_not_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    with path.open("a") as stream:
        stream.write('{"model": "pixels"}\n')
    with pytest.raises(UsageError, match="can't be read"):
        begun(path)


def test_a_file_that_can_not_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be saved"):
        begun(tmp_path / "no" / "folder")


def test_a_model_whose_file_has_changed_is_tried_again(tmp_path: Path) -> None:
    network = tmp_path / "net.onnx"
    network.write_bytes(b"one")
    path = tmp_path / "rows"
    begun(path)
    made = replace(PIXELS, model="onnx:net.onnx", files=files_now([str(network)]))
    Journal(str(path), QUESTION).add(made)
    assert begun(path) == {"onnx:net.onnx": made}
    network.write_bytes(b"another")
    assert begun(path) == {}
    network.unlink()
    assert begun(path) == {}


def test_a_file_without_anything_in_it_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text("")
    assert begun(path) == {}
    Journal(str(path), QUESTION).add(PIXELS)
    assert begun(path) == {"pixels": PIXELS}


def test_a_file_cut_off_behind_its_question_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun(path)
    path.write_text(path.read_text().rstrip("\n"))
    assert begun(path) == {}
    Journal(str(path), QUESTION).add(PIXELS)
    assert begun(path) == {"pixels": PIXELS}


def test_a_card_that_is_written_later_is_a_change_too(tmp_path: Path) -> None:
    card = tmp_path / "net.onnx.yaml"
    path = tmp_path / "rows"
    begun(path)
    Journal(str(path), QUESTION).add(replace(PIXELS, files=files_now([str(card)])))
    assert list(begun(path)) == ["pixels"]
    card.write_text("licence: MIT")
    assert begun(path) == {}
