"""The published Markdown layout, models as columns.

A block for each group of models: a summary, a table, and what stands out in it. `layout_reader`
reads it back.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from lookalike.errors import UsageError
from lookalike.measuring.subject import POSITIVE
from lookalike.tables.figures import Figures, roles_of
from lookalike.tables.findings import findings
from lookalike.tables.grouping import Group

MISSING = "–"  # noqa: RUF001

HEAD = "NN Architecture"

_TAG = re.compile(r"\((v\d+)\)$", re.IGNORECASE)
_MARKUP = re.compile(r"[\\|*`<\[\]&~]")


def published_layout(
    groups: Sequence[Group], negatives: Sequence[str] | None = None, *, noise: float = 0.0
) -> str:
    """Tables in the published layout, as Markdown; equal input gives equal bytes.

    A negative has rows in the groups where a column has a figure for it. Labels lose surplus
    blanks, and the tag of their weights is written in small letters.

    Args:
        groups: As `grouped` gives them.
        negatives: Roles in the order of their rows; all there are if None. The last one is what the
            largest margin is told against.
        noise: See `findings`.

    Raises:
        UsageError: A label or a role that is blank, or two roles that print as one.

    Example:
        >>> from lookalike.tables.figures import PairFigures
        >>> from lookalike.tables.grouping import grouped
        >>> pairs = {"positive": PairFigures(22.9452, 1.091, 54.0608)}
        >>> text = published_layout(grouped([Figures("alexnet", pairs, gflops=0.714)]))
        >>> for line in text.splitlines()[:8]:
        ...     print(line)
        <details>
        <summary>1. GFLOPs Range (0)</summary>
        <BLANKLINE>
        |**NN Architecture**|alexnet|
        |:---:|:---:|
        |**Positive Similarity**|-|
        |**Embedding Inference Time (ms)**|22.9452|
        |**Similarity Inference Time (ms)**|1.0910|
    """
    if negatives is None:
        found = roles_of(one for group in groups for one in group.columns)
        negatives = [role for role in found if role != POSITIVE]
    roles = [_plain(role) for role in (POSITIVE, *negatives)]
    labels = [_plain(one.label) for group in groups for one in group.columns]
    if not all((*roles, *labels)):
        raise UsageError("a column or a role has no name", cure="name it")
    if len(set(roles)) < len(roles):
        raise UsageError("two rows can't have one role", where=", ".join(roles))
    return "\n".join(_block(group, negatives, noise) for group in groups)


def _block(group: Group, negatives: Sequence[str], noise: float) -> str:
    held = roles_of(group.columns)
    shown = [role for role in negatives if role in held]
    columns = [_shown(one, (POSITIVE, *shown)) for one in group.columns]
    roles = [_plain(role) for role in shown]
    found = findings(columns, negative=roles[-1] if roles else None, noise=noise)
    bullets = ["### **Analysis:**", *(f"- {_escaped(one.words)}" for one in found), ""]
    number = f"{group.number} " if "." in group.number else f"{group.number}. "
    title = html.escape(_plain(f"{number}GFLOPs Range ({group.range})"), quote=False)
    return "\n".join(
        [
            "<details>",
            f"<summary>{title}</summary>",
            "",
            _line(HEAD, [_escaped(one.label) for one in columns]),
            "|" + ":---:|" * (1 + len(columns)),
            *_pair_lines(columns, POSITIVE, "Positive Similarity", "Positive"),
            *(
                line
                for role in roles
                for line in _pair_lines(
                    columns, role, f"Negative Similarity ({_escaped(role)})", "Negative"
                )
            ),
            *_model_lines(columns),
            "",
            *(bullets if found else ()),
            "</details>\n",
        ]
    )


def _pair_lines(
    columns: Sequence[Figures], role: str, heading: str, kind: str
) -> tuple[str, str, str, str]:
    pairs = [one.pair(role) for one in columns]
    return (
        _line(heading, ["-"] * len(columns)),
        _line("Embedding Inference Time (ms)", [_four(one.embed_ms) for one in pairs]),
        _line("Similarity Inference Time (ms)", [_four(one.similarity_ms) for one in pairs]),
        _line(f"Anchor & {kind} Similarity (%)", [_four(one.similarity) for one in pairs]),
    )


def _model_lines(columns: Sequence[Figures]) -> tuple[str, str, str, str]:
    return (
        _line("Embedded Vectors Dimension (numbers)", [_whole(one.dim) for one in columns]),
        _line("GFLOPs (multiply–accumulates)", [_two(one.gflops) for one in columns]),  # noqa: RUF001
        _line("acc1 (%)", [_up_to_three(one.acc1) for one in columns]),
        _line("acc5 (%)", [_up_to_three(one.acc5) for one in columns]),
    )


def _shown(one: Figures, roles: Sequence[str]) -> Figures:
    pairs = {_plain(role): one.pair(role) for role in roles}
    return replace(one, label=tidy_label(one.label), pairs=pairs)


def _line(name: str, cells: Sequence[str]) -> str:
    return "|" + "|".join([f"**{name}**", *cells]) + "|"


def _four(value: float | None) -> str:
    return MISSING if value is None else f"{value:z.4f}"


def _two(value: float | None) -> str:
    return MISSING if value is None else f"{value:z.2f}"


def _up_to_three(value: float | None) -> str:
    return MISSING if value is None else f"{value:z.3f}".rstrip("0").rstrip(".")


def _whole(value: int | None) -> str:
    return MISSING if value is None else f"{value}"


def _plain(text: str) -> str:
    """On one line, without surplus blanks."""
    return " ".join(text.split())


def tidy_label(text: str) -> str:
    """A label without surplus blanks, the tag of its weights in small letters.

    Example:
        >>> tidy_label(" regnet_x_3_2gf  (V2)")
        'regnet_x_3_2gf (v2)'
    """
    return _TAG.sub(lambda tag: tag[0].lower(), _plain(text))


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)
