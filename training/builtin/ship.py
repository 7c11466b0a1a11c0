"""What the package ships: the network, and its card with the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from lookalike.embeddings import Card
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.families.builtin import CARD, NETWORK, encoder_in
from lookalike.encoders.families.onnx import file_digest
from lookalike.errors import UsageError
from lookalike.images import Preprocess
from training.builtin.config import Config
from training.builtin.export import Shipped, export
from training.builtin.learn import Trainee
from training.builtin.pictures import Labelled
from training.builtin.verdict import draw_pairs, fit_verdict, with_errors

LICENCE = "Apache-2.0; trained on pictures of ImageNet, which are for research"
SOURCE = "in the package; trained on Tiny ImageNet by training/builtin"


def ship(trainee: Trainee, held_out: Labelled, config: Config, folder: Path) -> Encoder:
    """Writes ``builtin.onnx`` and ``card.yaml``, and loads the encoder from them.

    Args:
        trainee: Trained.
        held_out: Pictures of classes that it was not trained on. The verdict is fitted on every
            other class of them, and its error found on the rest.
        config: The recipe.
        folder: Takes both files.
    """
    trained = np.flatnonzero(config.trains_on(np.arange(len(trainee.classes))))
    classes = trainee.classes.detach()[torch.from_numpy(trained)]
    network = Shipped(trainee.student, classes, config.sharpness, config.share).eval()
    export(network, config.side, folder / NETWORK)
    card = _card(network, config, folder / NETWORK)
    _write(card, folder / CARD)
    encoder = encoder_in(folder, Runtime())
    kinds = np.unique(held_out.labels)
    if len(kinds) < 4:
        raise UsageError(
            f"{len(kinds)} classes are held out, and a verdict takes four",
            cure="hold_out: fewer classes apart",
        )
    fitting = np.isin(held_out.labels, kinds[::2])
    fit = draw_pairs(encoder, held_out.taken(np.flatnonzero(fitting)), seed=config.seed)
    unused = draw_pairs(encoder, held_out.taken(np.flatnonzero(~fitting)), seed=config.seed)
    data = (
        f"photographs of {len(kinds[::2])} kinds of things that it was not trained on, 64 px; "
        "not for documents, screens, drawings or plain surfaces"
    )
    _write(replace(card, verdict=with_errors(fit_verdict(fit, data), unused)), folder / CARD)
    return encoder_in(folder, Runtime())


def _card(network: Shipped, config: Config, path: Path) -> Card:
    side = config.side
    picture = torch.zeros(1, 3, side, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        dim = network(picture).shape[1]
    return Card(
        algorithm="builtin/1",
        weights=file_digest(path),
        layer="embedding",
        pooling="none",
        preprocess=Preprocess(
            resize=(side, side), mean=(0.5,) * 3, std=(0.5,) * 3, alpha=(255, 255, 255)
        ),
        dim=dim,
        name="builtin",
        licence=LICENCE,
        params=sum(one.numel() for one in network.parameters()),
        gflops=round(counter.get_total_flops() / 2e9, 4),
        source=SOURCE,
    )


def _write(card: Card, path: Path) -> None:
    path.write_text(yaml.safe_dump(card.to_dict(), sort_keys=False, width=100), encoding="utf-8")
