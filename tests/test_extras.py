import sys
import tomllib
from pathlib import Path

import pytest

from lookalike.errors import MissingExtraError
from lookalike.extras import EXTRAS, extra_of, installed, require


@pytest.mark.parametrize(
    ("module", "extra"), [(name, extra) for extra, names in EXTRAS.items() for name in names]
)
def test_a_missing_package_names_its_extra(
    module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=f"trying it out needs the package '{module}'"
    ) as error:
        require(module, purpose="trying it out")
    assert error.value.cure == f"pip install 'lookalike[{extra}]'"
    assert error.value.exit_code == 3
    assert isinstance(error.value, ImportError)


def test_a_package_that_does_not_load_says_so_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagehash.py").write_text("raise RuntimeError('built for another machine')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imagehash", raising=False)
    with pytest.raises(
        MissingExtraError, match="does not load: built for another machine"
    ) as error:
        require("imagehash", purpose="hash:phash")
    assert "lookalike[hash]" in error.value.cure
    assert "--force-reinstall" in error.value.cure


def test_a_package_that_is_there_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagehash").mkdir()
    (tmp_path / "imagehash" / "__init__.py").write_text("")
    (tmp_path / "imagehash" / "part.py").write_text("here = True")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("imagehash", "imagehash.part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert require("imagehash.part", purpose="a test").here is True


def test_looking_for_a_package_does_not_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_package.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed("heavy_package")
    assert installed("heavy_package.part")
    assert not installed("light_package")


def test_the_extra_of_a_part_is_that_of_its_package() -> None:
    assert extra_of("torchvision.models") == "torch"
    assert extra_of("pi_heif") == "heif"


def test_extras_are_those_of_the_project_file() -> None:
    path = Path(__file__).resolve().parents[1] / "pyproject.toml"
    declared = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - {"all"}
    assert declared["all"] == [f"lookalike[{','.join(EXTRAS)}]"]
