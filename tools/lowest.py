#!/usr/bin/env python3
"""Write constraints that pin every direct dependency to its lower bound.

    python tools/lowest.py pyproject.toml constraints.txt > lowest.txt

What the package needs, with all of its extras, is pinned to the oldest version that
``pyproject.toml`` allows. Two kinds of lines come from ``constraints.txt`` instead: tools for
development, since no user installs them, and the packages in `KEPT`, whose older versions have
no build for every machine. What these need in turn is left to the installer.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

KEPT = ("torch", "torchvision")
"""Packages that stay at the version of continuous integration: a CPU build of torch."""


def plain_name(requirement: str) -> str:
    """A package's name as installers compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


def lower_bound(requirement: str) -> str:
    """``name==version`` for ``name>=version``; ValueError for one without a lower bound."""
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(,.*)?", requirement)
    if found is None:
        raise ValueError(f"{requirement} has no lower bound")
    return f"{found[1]}=={found[2]}"


def lowest(project: str, constraints: str) -> list[str]:
    """The lines of the constraints file.

    Args:
        project: Text of ``pyproject.toml``.
        constraints: Text of ``constraints.txt``.
    """
    settings = tomllib.loads(project)
    groups = settings["project"]["optional-dependencies"]
    needed = [*settings["project"]["dependencies"]]
    needed += [one for name, group in groups.items() if name != "all" for one in group]
    pinned = {plain_name(one): lower_bound(one) for one in needed}
    tools = {plain_name(one) for one in settings["dependency-groups"]["dev"]}
    for line in constraints.splitlines():
        name = plain_name(line)
        if name in KEPT or (name in tools and name not in pinned):
            pinned[name] = line.strip()
    return sorted(pinned.values())


if __name__ == "__main__":
    print("\n".join(lowest(*(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3]))))
