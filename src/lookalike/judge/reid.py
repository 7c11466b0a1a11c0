"""Truth in the names of re-identification data sets."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.embeddings import Row
from lookalike.errors import UsageError
from lookalike.judge.reid_layouts import Side, reid_layout
from lookalike.judge.reid_names import ReidName, reid_name
from lookalike.judge.trial import trial_of_groups
from lookalike.judge.truth import Setting, Truth, group_codes
from lookalike.report import amount


@dataclass(frozen=True)
class Reid(Truth):
    """Person and camera in the names of files, as in Market-1501, and the protocol built on them.

    Which pictures are queries and which the gallery follows from the layout of the data set, see
    `reid_layout`; what is neither is left out. A picture in no folder that says so is both. A
    person seen by the query's own camera is ignored, junk (person -1) is dropped, distractors
    (person 0) stay in the gallery as wrong answers.
    """

    def setting(self, rows: Sequence[Row]) -> Setting:
        """Queries against the gallery."""
        layout = reid_layout(rows)
        names = {
            n: reid_name(rows[n].id)
            for n, side in enumerate(layout.sides)
            if side not in ("train", "rest")
        }
        queries = [n for n, name in names.items() if _is_query(name, layout.sides[n])]
        gallery = [n for n, name in names.items() if _is_entry(name, layout.sides[n])]
        for side, found in (("query", queries), ("gallery", gallery)):
            if not found:
                raise UsageError(
                    f"none of {len(rows):,} pictures is a {side} picture",
                    cure="they lie in folders called query and gallery (or bounding_box_test), or "
                    "as the data set lays them out",
                )
        trial = trial_of_groups(
            group_codes([_person(names.get(n), n) for n in range(len(rows))]),
            [row.id for row in rows],
            queries=np.array(queries, np.intp),
            gallery=np.array(gallery, np.intp),
            cameras=np.array([names[n].camera if n in names else -1 for n in range(len(rows))]),
        )
        people = len({names[n].person for n in queries})
        junk = sum(name.role == "junk" for name in names.values())
        notes = (
            *([f"left out: {amount(junk, 'junk picture')} (person -1)"] * (junk > 0)),
            *layout.notes,
            "a person seen by the query's own camera counts neither as right nor as wrong",
        )
        about = f"{len(queries):,} queries of {people:,} people against {len(gallery):,} pictures"
        return Setting(trial, about, notes)


def _person(name: ReidName | None, position: int) -> Hashable:
    # distractors belong to nobody, not to each other
    ordinary = name is not None and name.role != "distractor"
    return name.person if name is not None and ordinary else ("nobody", position)


def _is_query(name: ReidName, side: Side | None) -> bool:
    return name.role == "ordinary" and side in ("query", None)


def _is_entry(name: ReidName, side: Side | None) -> bool:
    return name.role != "junk" and side in ("gallery", None)
