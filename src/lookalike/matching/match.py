"""The verb: do two pictures match, and what is remembered about it."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from dataclasses import replace

from lookalike.encoders import Encoder, Runtime
from lookalike.errors import UsageError
from lookalike.images import Limits, Pictures, Unreadable, decode
from lookalike.judge import ThresholdCard, Verdict, remember
from lookalike.judge.verdicts import MACHINE, WORDS, now
from lookalike.matching.matcher import ImageMatcher, Match, one_place


def match(
    a: Pictures,
    b: Pictures,
    *,
    card: ThresholdCard | str | os.PathLike[str] | None = None,
    encoder: Encoder | str | None = None,
    prior: float | None = None,
    labels: str | os.PathLike[str] | None = None,
    say: str | None = None,
    by: str | None = None,
    limits: Limits | None = None,
    runtime: Runtime | None = None,
) -> Match:
    """Do two pictures match, by a calibrated threshold; or what a person says about them.

    Args:
        a: One picture.
        b: Another.
        card: A threshold card or its file. May be left out only where `say` is given.
        encoder: An encoder or its name; that of the card if None.
        prior: Share of same pairs among those asked about; that of the calibration if None.
        labels: A CSV or Parquet file to which the verdict is added, see `remember`. It is a truth:
            ``--truth FILE`` calibrates on what people said in it.
        say: A person's own verdict, ``same``, ``different`` or ``unsure``, to be remembered
            instead of the threshold's.
        by: Who says it; the user's name if None.
        limits: What a single picture may cost.
        runtime: Engine, precision and device, for an encoder given by name.

    Raises:
        UsageError: No card and nothing said; a verdict that is none; nowhere to remember it.
        FingerprintError: The card is for another encoder.
        LookalikeError: The encoder can't be loaded, or a file can't be read.

    Example:
        >>> import numpy as np
        >>> from lookalike.judge import calibrate
        >>> rng = np.random.default_rng(0)
        >>> scenes = rng.integers(0, 200, (30, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
        >>> views = [scene + rng.integers(0, 30, scene.shape) for scene in scenes.repeat(4, 0)]
        >>> pictures = [view.astype(np.uint8) for view in views]
        >>> import lookalike
        >>> found = lookalike.load_encoder("pixels").encode(pictures)
        >>> card = calibrate(found, truth=np.arange(30).repeat(4).tolist()).card
        >>> match(pictures[0], pictures[1], card=card).words
        'match'
    """
    if say is not None and say not in WORDS:
        raise UsageError(f"say={say!r} is none of {', '.join(WORDS)}")
    if say is not None and labels is None:
        raise UsageError("a verdict was given, and no file to keep it", cure="--labels FILE")
    if by is not None and say is None:
        raise UsageError("somebody is named who says nothing", cure="--say same or --say different")
    if by is not None and by.startswith(MACHINE):
        raise UsageError(f"names that begin with {MACHINE!r} are those of thresholds")
    if card is None and say is None:
        raise UsageError(
            "no verdict without a calibration",
            cure="--card FILE, which lookalike calibrate writes; lookalike compare gives the "
            "value, and probabilities where an encoder brings them",
        )
    held = ThresholdCard.load(card) if isinstance(card, (str, os.PathLike)) else card
    if held is None and encoder is None:
        found = _unscored(a, b, limits)
    else:
        matcher = ImageMatcher(encoder, held, prior=prior, limits=limits, runtime=runtime)
        found = matcher.match(a, b)
    if labels is not None and found.error is None:
        if say is not None:
            word, who = say, by or _user()
        else:
            word, who = ("same" if found.verdict else "different"), _card_name(held)
        if not all(found.digests):
            raise UsageError("only pictures in files can be remembered, by their contents")
        remember(labels, [Verdict(*found.digests, word, who, now())])
        told = f"remembered in {os.fspath(labels)}: {word}, by {who}"
        found = replace(found, said=say, notes=(*found.notes, told))
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody is logged in, as in a container
        return "unknown"


def _card_name(card: ThresholdCard | None) -> str:
    """How verdicts name the card that gave them."""
    text = json.dumps(card.to_dict() if card else None, sort_keys=True)
    return MACHINE + hashlib.sha256(text.encode()).hexdigest()[:16]


def _unscored(a: Pictures, b: Pictures, limits: Limits | None) -> Match:
    """Two pictures that are read for their digests alone."""
    sides = [decode(one_place(picture, n), limits) for n, picture in enumerate((a, b))]
    said = [
        f"{name}: {side}"
        for name, side in zip("ab", sides, strict=True)
        if isinstance(side, Unreadable)
    ]
    error = "; ".join(said) or None
    digests = sides[0].digest, sides[1].digest
    return Match(sides[0].id, sides[1].id, "", None, error=error, digests=digests)
