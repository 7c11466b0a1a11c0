"""A person has pictures, tries models on them, looks at the page and takes one."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.testing import scene_picture

QUICK = ("--most-seconds", "0.2", "--repeats", "2", "--resamples", "200")
MODELS = ("pixels", "hash:phash", "hash:dhash", "onnx:absent.onnx")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of twelve things with three pictures each."""
    folder = tmp_path_factory.mktemp("things")
    for scene in range(12):
        (folder / str(scene)).mkdir()
        whole = Image.fromarray(scene_picture(scene))
        for view in range(3):
            whole.crop((15 * view, 0, 110 + 15 * view, 90)).save(
                folder / str(scene) / f"{view}.png"
            )
    return folder


def lookalike(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lookalike", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def page(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    html = tmp_path_factory.mktemp("page") / "t.html"
    arguments = ("table", ".", "--draw", "30", "--models", *MODELS, "--html", str(html))
    done = lookalike(*arguments, *QUICK, cwd=pictures)
    assert done.returncode == 1, done.stderr  # one model could not be tried
    assert "Recommended: " in done.stdout
    assert "no ONNX file" in done.stdout
    return html


def test_the_page_is_sorted_by_a_click_and_asks_nobody_for_anything(
    page: Path, browser: Any
) -> None:
    requests: list[str] = []
    complaints: list[str] = []
    tab = browser.new_page()
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()]

    def column(title: str) -> list[str]:
        place = tab.evaluate(
            "title => [...[...document.querySelectorAll('table')][0].querySelectorAll('th')]"
            ".findIndex(th => th.textContent.startsWith(title))",
            title,
        )
        cells = f"table >> nth=0 >> tbody tr td:nth-child({place + 1})"
        return [text.strip() for text in tab.locator(cells).all_inner_texts()]

    first = column("model")
    assert set(first) == set(MODELS)
    assert first[-1] == "onnx:absent.onnx"
    tab.locator("table >> nth=0 >> th button", has_text="file ms").click()
    falling = [float(text) for text in column("file ms")[:-1]]
    assert falling == sorted(falling, reverse=True)
    tab.locator("table >> nth=0 >> th button", has_text="file ms").click()
    rising = [float(text) for text in column("file ms")[:-1]]
    assert rising == sorted(rising)
    assert column("model")[-1] == "onnx:absent.onnx"  # what has no value stays last
    tab.locator("table >> nth=0 >> th button", has_text="model").first.click()
    assert column("model") == sorted(MODELS)
    shown = tab.evaluate("[...document.images].filter(one => one.naturalWidth > 0).length")
    assert shown == tab.evaluate("document.images.length") > 10  # the plot, and pairs of pictures
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()]
    assert complaints == []
    tab.close()


def test_programs_get_one_object_or_one_table_and_the_same_numbers(pictures: Path) -> None:
    arguments = ("table", ".", "--draw", "20", "--models", *MODELS[:2], *QUICK)
    as_json = lookalike(*arguments, "--json", cwd=pictures)
    as_csv = lookalike(*arguments, "--csv", cwd=pictures)
    assert as_json.returncode == as_csv.returncode == 0
    results = {row["model"]: row for row in json.loads(as_json.stdout)["results"]}
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(as_csv.stdout))}
    assert list(results) == list(MODELS[:2])
    for name, row in rows.items():
        auc = next(one for one in results[name]["measures"] if one["measure"] == "roc_auc")
        assert float(row["roc_auc"]) == auc["value"]  # the draws are those of the seed
        assert float(row["roc_auc_low"]) == auc["low"]


def test_an_anchor_in_the_published_layout_keeps_its_warnings_apart(pictures: Path) -> None:
    done = lookalike(
        *("table", "--anchor", "0/0.png", "--positive", "0/1.png", "--negative", "1", "2"),
        *("--models", *MODELS, "--published-layout", *QUICK),
        cwd=pictures,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("<details>")
    assert "Negative Similarity (negative 6)" in done.stdout
    assert "! 1 model could not be tried" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("table",), 2, "no model was named"),
        (("table", "--models"), 2, "--models needs a value"),
        (("table", "--models", "--json"), 2, "--models needs a value"),
        (("table", "absent.csv", "--models", "pixels"), 2, "No such file"),
        (("table", "absent", "--models", "pixels"), 2, "no such table or folder"),
        (("table", "--anchor", "0/0.png", "--models", "pixels"), 2, "belong together"),
        (("table", "--models", "@publishd"), 2, "@published"),
        (("table", "--models", "pixels", "--resume"), 2, "save=FILE"),
        (("table", "--models", "pixels", "--json", "--csv"), 2, "together"),
        (("table", "--models", "pixels", "--save", "x", "--html", "x"), 2, "one file"),
        (("table", "--models", "pixels", "--group-by-gflops", "a,b"), 2, "0.5,2,10"),
        (("table", "--models", "pixels", "--max-gflops", "nan"), 2, "no bound"),
    ],
)
def test_wrong_use_is_a_sentence_and_a_code(
    pictures: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = lookalike(*arguments, cwd=pictures)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_table_goes_on(pictures: Path, tmp_path: Path) -> None:
    rows = str(tmp_path / "rows.jsonl")
    arguments = ["table", ".", "--draw", "20", "--save", rows, *QUICK, "--models", "pixels"]
    assert lookalike(*arguments, cwd=pictures).returncode == 0
    again = lookalike(*arguments, "hash:phash", "--resume", cwd=pictures)
    assert again.returncode == 0, again.stderr
    assert "1/2 pixels: measured before" in again.stderr
    assert "2/2 hash:phash: " in again.stderr
    refused = lookalike(*arguments, cwd=pictures)
    assert refused.returncode == 4
    assert "resume" in refused.stderr
