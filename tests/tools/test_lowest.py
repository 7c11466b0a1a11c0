"""Constraints at the lower bounds."""

from pathlib import Path

import pytest
from tools.lowest import lower_bound, lowest, plain_name

PROJECT = """
[project]
dependencies = ["numpy>=1.26", "Pi_Heif>=0.21,<2"]
[project.optional-dependencies]
torch = ["torch>=2.6"]
all = ["lookalike[torch]"]
[dependency-groups]
dev = ["pytest>=8.3", "numpy>=2.0"]
"""


def test_what_is_needed_is_pinned_low_and_tools_as_they_are() -> None:
    constraints = "# a comment\nnumpy==2.4\npytest==9.2\ntorch==2.13\ntqdm==4.70\n"
    assert lowest(PROJECT, constraints) == [
        "Pi_Heif==0.21", "numpy==1.26", "pytest==9.2", "torch==2.13",
    ]  # fmt: skip


def test_a_requirement_without_a_lower_bound_is_no_requirement() -> None:
    with pytest.raises(ValueError, match="numpy has no lower bound"):
        lower_bound("numpy")


def test_every_requirement_of_the_project_has_one() -> None:
    root = Path(__file__).parents[2]
    lines = lowest(
        (root / "pyproject.toml").read_text(encoding="utf-8"),
        (root / "constraints.txt").read_text(encoding="utf-8"),
    )
    assert len({plain_name(line) for line in lines}) == len(lines)
    assert all("==" in line for line in lines)
