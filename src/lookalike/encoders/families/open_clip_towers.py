"""Which of open_clip's names stand for one image tower; a card names the tower once."""

from __future__ import annotations

QUICK = "-quickgelu"
"""What names of architectures end with that use the activation QuickGELU."""

SAME_TOWER = {
    "EVA01-g-14-plus": "EVA01-g-14",
    "EVA02-E-14-plus": "EVA02-E-14",
    "MobileCLIP2-B": "MobileCLIP-B",
    "MobileCLIP2-S2": "MobileCLIP-S2",
    "ViT-B-16-SigLIP2": "ViT-B-16-SigLIP",
    "ViT-B-16-SigLIP2-256": "ViT-B-16-SigLIP-256",
    "ViT-B-16-SigLIP2-384": "ViT-B-16-SigLIP-384",
    "ViT-B-16-SigLIP2-512": "ViT-B-16-SigLIP-512",
    "ViT-B-16-SigLIP-i18n-256": "ViT-B-16-SigLIP-256",
    "ViT-H-14-worldwide": "ViT-H-14",
    "ViT-H-14-worldwide-378": "ViT-H-14-378",
    "ViT-L-14-worldwide": "ViT-L-14",
    "ViT-L-16-SigLIP2-256": "ViT-L-16-SigLIP-256",
    "ViT-L-16-SigLIP2-384": "ViT-L-16-SigLIP-384",
    "ViT-SO400M-14-SigLIP2": "ViT-SO400M-14-SigLIP",
    "ViT-SO400M-14-SigLIP2-378": "ViT-SO400M-14-SigLIP-378",
    "ViT-SO400M-16-SigLIP-i18n-256": "ViT-SO400M-16-SigLIP2-256",
    "ViT-bigG-14-worldwide": "ViT-bigG-14",
    "mt5-base-ViT-B-32": "ViT-B-32",
    "mt5-xl-ViT-H-14": "ViT-H-14",
    "nllb-clip-base": "ViT-B-32",
    "nllb-clip-base-siglip": "ViT-B-16-SigLIP-384",
    "nllb-clip-large": "ViT-H-14",
    "nllb-clip-large-siglip": "ViT-SO400M-14-SigLIP-384",
    "roberta-ViT-B-32": "ViT-B-32",
    "xlm-roberta-base-ViT-B-32": "ViT-B-32",
    "xlm-roberta-large-ViT-H-14": "ViT-H-14",
}
"""Architectures that differ in the text tower alone, and the one whose name stands for them."""


def tower_name(architecture: str) -> str:
    """What stands for an architecture's image tower, whatever its activation.

    Example:
        >>> tower_name("ViT-B-32-quickgelu"), tower_name("xlm-roberta-large-ViT-H-14")
        ('ViT-B-32', 'ViT-H-14')
    """
    bare = architecture.removesuffix(QUICK)
    return SAME_TOWER.get(bare, bare)
