"""``builtin``: the learned encoder that the package brings along."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lookalike.embeddings import Card
from lookalike.embeddings.card import read_yaml
from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import OnnxFile, Runtime, open_engine
from lookalike.encoders.families.network import network_encoder
from lookalike.encoders.families.onnx import file_digest
from lookalike.encoders.name import EncoderName
from lookalike.errors import CardError

FOLDER = Path(__file__).parents[1] / "builtin"
NETWORK, CARD = "builtin.onnx", "card.yaml"


def read_card(folder: Path) -> Card:
    """The card beside the network in a folder, if it is that network's.

    Raises:
        CardError: It is of other weights.
    """
    card = Card.from_dict(read_yaml(folder / CARD), where=str(folder / CARD))
    digest = file_digest(folder / NETWORK)
    if card.weights != digest:
        raise CardError(
            f"the card is of other weights: {card.weights}, the file has {digest}",
            where=str(folder / CARD),
            cure="install lookalike anew",
        )
    return card


def encoder_in(folder: Path, runtime: Runtime) -> Encoder:
    """The encoder whose network and card lie in a folder, as its training left them."""
    card = read_card(folder)
    engine = open_engine(OnnxFile(folder / NETWORK), runtime)
    known = tuple(str(folder / one) for one in (NETWORK, CARD))
    return network_encoder(card, engine, [card.layer], [card.layer], files=known)


class Builtin:
    """The family of one."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The encoder; it has no options, and needs no network."""
        name.allow(())
        return encoder_in(FOLDER, runtime)

    def entries(self) -> Iterable[Entry]:
        """The one encoder."""
        card = read_yaml(FOLDER / CARD)
        described = ("name", "dim", "params", "gflops", "licence", "source")
        size = "x".join(map(str, card["preprocess"]["resize"]))
        return [Entry(**{field: card[field] for field in described}, input=size)]


FAMILY = Builtin()
