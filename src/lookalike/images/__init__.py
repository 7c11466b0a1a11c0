"""Places to pictures: sources, decoding, and preprocessing as a value."""

from lookalike.images.decode import decode
from lookalike.images.picture import Picture
from lookalike.images.place import Limits, Place, Reason, Unreadable
from lookalike.images.preprocess import Preprocess
from lookalike.images.presets import PRESETS, from_open_clip, from_timm, from_torchvision, preset
from lookalike.images.source import ImageSource, Pictures

__all__ = [
    "PRESETS",
    "ImageSource",
    "Limits",
    "Picture",
    "Pictures",
    "Place",
    "Preprocess",
    "Reason",
    "Unreadable",
    "decode",
    "from_open_clip",
    "from_timm",
    "from_torchvision",
    "preset",
]
