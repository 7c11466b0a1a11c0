"""``reid:NAME[/WEIGHTS]``: person re-identification networks with torchreid's weights."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike.encoders.catalogue import Entry, entries_of, published_row
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.families.torch_network import (
    NETWORK_OPTIONS,
    Built,
    evaluation_mode,
    surplus_ignored,
    torch_encoder,
    weights_file,
    weights_wish,
)
from lookalike.encoders.name import EncoderName
from lookalike.encoders.reid.architectures import ARCHITECTURES, build
from lookalike.encoders.reid.checkpoint import checkpoint_of, load_checkpoint
from lookalike.encoders.weights import UrlFile, located
from lookalike.errors import UnknownNameError
from lookalike.extras import require
from lookalike.images import PRESETS

PREPROCESS = "torchreid"
"""With it networks were trained, and torchreid's accuracies were made."""

PUBLISHED = (
    "accuracies of torchreid's model zoo: preprocess=torchreid; "
    "the published similarity table: preprocess=pinto"
)
"""Which preprocessing published figures were made with."""


class Reid:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """A re-identification network as an encoder; its feature is what the classifier would take.

        Options: those of the torch families (``layer``, ``pooling``, ``weights``, ``seed``,
        ``nest``, ``surplus``, ``pickle``, preprocessing), where ``preprocess`` is ``torchreid``
        unless said otherwise, or ``pinto``.

        Raises:
            UnknownNameError: No such network, weights, layer or option.
            WeightsError: The file is of another network; says which, or which fits best.
        """
        name.allow(NETWORK_OPTIONS)
        require("torch", purpose="reid encoders")
        architecture, _, tag = name.rest.partition("/")
        if architecture not in ARCHITECTURES:
            raise UnknownNameError("re-identification network", architecture, ARCHITECTURES)
        return torch_encoder(name, _built(name, architecture, tag, runtime), runtime)

    def entries(self) -> Iterable[Entry]:
        """Every network with each of its published weights, the default first."""
        return entries_of("reid", "/", ("torch",))


def _built(name: EncoderName, architecture: str, tag: str, runtime: Runtime) -> Built:
    from torch import nn

    row = published_row("reid", architecture, tag or None)
    if row is None:
        known = [e.weights for e in entries_of("reid", "/", ()) if e.architecture == architecture]
        raise UnknownNameError(f"weights of {architecture}", tag, known)
    kind, path, seed = weights_wish(name)
    network = evaluation_mode(lambda: build(architecture), seed)
    notes: tuple[str, ...] = ()
    if kind == "published":
        path = located(UrlFile(row.url), offline=runtime.offline, encoder=name.text)
    if path is not None:
        file = weights_file(name, path)
        loaded = load_checkpoint(
            network,  # type: ignore[arg-type]  # what build made
            architecture,
            checkpoint_of(file),
            ignore_surplus=surplus_ignored(name),
        )
        notes = (*file.notes, *loaded.notes(str(path)))
    network.classifier = nn.Identity()  # never run in evaluation
    tags = {"random": f"random(seed={seed})", "file": f"file {path}", "published": row.weights}
    return Built(
        module=network,
        preprocess=PRESETS[PREPROCESS],
        layer="",
        algorithm=f"reid/{architecture}",
        weights_tag=tags[kind],
        published=row,
        figures=PUBLISHED if kind != "random" else "",
        source={"published": row.url, "file": str(path)}.get(kind, ""),
        path=path,
        notes=notes,
    )


FAMILY = Reid()
