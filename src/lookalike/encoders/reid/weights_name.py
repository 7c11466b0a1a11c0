"""What the file name of a person re-identification checkpoint says: torchreid's habits.

A name is a hint and no proof: files of one name with different contents are in circulation. What
lies in a file is told by its entries (`architecture_of`) and by the rows of its classifier
(`training_set_of`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_DATASETS = {
    "market": "market1501",
    "market1501": "market1501",
    "duke": "dukemtmcreid",
    "dukemtmcreid": "dukemtmcreid",
    "msmt": "msmt17",
    "msmt17": "msmt17",
    "cuhk03": "cuhk03",
    "imagenet": "imagenet",
}
_SOURCES = {"ms": "msmt17", "m": "market1501", "d": "dukemtmcreid", "c": "cuhk03"}
_TRAINING_SETS = {
    751: "Market-1501, training split",
    702: "DukeMTMC-reID, training split",
    1041: "MSMT17, training split",
    4101: "MSMT17, all images",
    767: "CUHK03, new split",
    1000: "ImageNet",
}

_SUFFIX = re.compile(r"\.(pth\.tar|pth|pyth|pt|onnx)\Z")
_MOBILENET = re.compile(r"(mobilenetv2)_(?:1dot|1\.)")
_ARCHITECTURE = (
    r"(?P<architecture>osnet_(?:ain_)?x(?:0_25|0_5|0_75|1_0)|osnet_ibn_x1_0|mlfn"
    r"|mobilenetv2_(?:1dot|1\.|x1_)[04]|resnet50_fc512|resnet50)"
)
_DATASET = rf"(?P<dataset>{'|'.join(_DATASETS)})(?P<combineall>_combineall)?"
_WHOLE = "[0-9]{1,6}"
_FORMS = [
    re.compile(form)
    for form in (
        rf"{_ARCHITECTURE}_{_DATASET}_(?P<height>{_WHOLE})x(?P<width>{_WHOLE})"
        rf"_(?P<optimiser>amsgrad)_ep(?P<epochs>{_WHOLE})(?:_stp(?P<step>{_WHOLE}))?"
        rf"_lr(?P<lr>{_WHOLE}(?:\.{_WHOLE})?)(?(step)|(?P<cosine>_coslr)?)"
        rf"_b(?P<batch>{_WHOLE})_fb(?P<frozen>{_WHOLE})_(?P<loss>softmax|xent)"
        r"_(?P<smoothing>labelsmooth|labsmth)(?P<augmentations>(?:_(?:flip|jitter))*)",
        r"(?P<architecture>osnet(?:_ibn|_ain)?)(?P<sources>(?:_(?:ms|m|d|c)){3})",
        rf"{_ARCHITECTURE}-(?P<hash>[0-9a-f]{{8}})",
        rf"{_ARCHITECTURE}_{_DATASET}(?:_(?P<loss>xent))?",
    )
]


@dataclass(frozen=True)
class WeightsName:
    """What a file name says; what it leaves open is None, False or empty.

    Attributes:
        architecture: As torchreid's builders are called.
        dataset: What it was trained on: ``market1501``, ``dukemtmcreid``, ``msmt17``, ``cuhk03`` or
            ``imagenet``; None where there are several.
        combineall: All images of the data set were used, not only its training split.
        sources: The three data sets of multi-source training, in the order of the name.
        target: The fourth one, which such weights have never seen.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        optimiser: ``amsgrad``.
        epochs: How long it was trained.
        step: The epoch at which the rate is divided by 10.
        lr: The rate at the start.
        cosine: The rate follows a cosine instead of a step.
        batch: Pictures in a batch.
        frozen: Epochs at the start in which only the classifier is trained.
        loss: ``softmax`` or ``xent``, as it is spelled; both are cross-entropy over identities.
        smoothing: Labels are smoothed by 0.1.
        augmentations: ``flip`` (mirrored at random) and ``jitter`` (of colours).
        hash: Eight hex digits, by custom the first of the file's SHA-256.

    Example:
        >>> parse_weights_name("resnet50_fc512_msmt_xent.pth.tar") == WeightsName(
        ...     "resnet50_fc512", "msmt17", loss="xent"
        ... )
        True
    """

    architecture: str
    dataset: str | None = None
    combineall: bool = False
    sources: tuple[str, ...] = ()
    target: str | None = None
    height: int | None = None
    width: int | None = None
    optimiser: str | None = None
    epochs: int | None = None
    step: int | None = None
    lr: float | None = None
    cosine: bool = False
    batch: int | None = None
    frozen: int | None = None
    loss: str | None = None
    smoothing: bool = False
    augmentations: tuple[str, ...] = ()
    hash: str | None = None

    @property
    def tag(self) -> str:
        """What it was trained on, in short.

        Example:
            >>> names = "osnet_x0_25_msmt17_combineall", "osnet_ms_d_c", "mlfn-9cb5a267"
            >>> [parse_weights_name(name).tag for name in names]
            ['msmt17_combineall', 'ms_d_c', 'imagenet']
        """
        if self.sources:
            letters = {name: letter for letter, name in _SOURCES.items()}
            return "_".join(letters[name] for name in self.sources)
        return f"{self.dataset}{'_combineall' if self.combineall else ''}"


def parse_weights_name(name: str | os.PathLike[str]) -> WeightsName | None:
    """Read the name of a checkpoint or of what was exported from it.

    Args:
        name: A file name or a path, of which the last part counts; with or without ``.pth.tar``,
            ``.pth``, ``.pyth``, ``.pt`` or ``.onnx``. MobileNetV2 may be spelled ``1dot0``,
            ``1.0`` or ``x1_0``. Case matters.

    Returns:
        None if it is not such a name; a name that fits only in part says nothing.

    Example:
        >>> found = parse_weights_name("weights/osnet_ibn_d_m_c.pth.tar")
        >>> found.architecture, found.sources, found.target
        ('osnet_ibn_x1_0', ('dukemtmcreid', 'market1501', 'cuhk03'), 'msmt17')
        >>> parse_weights_name("mobilenetv2_1.0-0f96a698.pth.tar").architecture
        'mobilenetv2_x1_0'
        >>> parse_weights_name("resnet50-finetuned.pth") is None
        True
    """
    stem = _SUFFIX.sub("", _base(name))
    found = next(filter(None, (form.fullmatch(stem) for form in _FORMS)), None)
    if found is None:
        return None
    said = {key: value for key, value in found.groupdict().items() if value}
    architecture = _MOBILENET.sub(r"\1_x1_", said["architecture"])
    if "sources" in said:
        sources = tuple(_SOURCES[letter] for letter in said["sources"].split("_")[1:])
        unseen = set(_SOURCES.values()) - set(sources)
        if len(unseen) > 1:  # one is named twice
            return None
        return WeightsName(f"{architecture}_x1_0", sources=sources, target=unseen.pop())
    if "hash" in said:
        return WeightsName(architecture, "imagenet", hash=said["hash"])

    def whole(key: str) -> int | None:
        return int(said[key]) if key in said else None

    return WeightsName(
        architecture,
        _DATASETS[said["dataset"]],
        combineall="combineall" in said,
        height=whole("height"),
        width=whole("width"),
        optimiser=said.get("optimiser"),
        epochs=whole("epochs"),
        step=whole("step"),
        lr=float(said["lr"]) if "lr" in said else None,
        cosine="cosine" in said,
        batch=whole("batch"),
        frozen=whole("frozen"),
        loss=said.get("loss"),
        smoothing="smoothing" in said,
        augmentations=tuple(said.get("augmentations", "").split("_")[1:]),
    )


def exported_stem(name: str | os.PathLike[str]) -> str:
    """What published ONNX exports call a checkpoint: its file name up to the first dot.

    The dot of a learning rate cuts, too, and so does that of a width: the two MobileNetV2 networks
    of ImageNet have one stem, and the export of the second took the place of the first.

    Args:
        name: A file name or a path, of which the last part counts.

    Example:
        >>> exported_stem("osnet_x1_0_duke_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10.pth")
        'osnet_x1_0_duke_256x128_amsgrad_ep150_stp60_lr0'
    """
    return _base(name).partition(".")[0]


def training_set_of(classes: int) -> str | None:
    """The training set with this number of identities, or of classes; None if none is known.

    Args:
        classes: Rows of the classifier's weight. 1000 is also what a network is built with when
            nobody says how many.

    Example:
        >>> training_set_of(1041)
        'MSMT17, training split'
    """
    return _TRAINING_SETS.get(classes)


def _base(name: str | os.PathLike[str]) -> str:
    return re.split(r"[/\\]", os.fspath(name))[-1]
