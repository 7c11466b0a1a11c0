"""Random edits of batches, so that copies of one picture come out close."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

BORDER, TURN, BLUR, SHRINK, CAPTION, JPEG = 0.10, 0.30, 0.08, 0.08, 0.06, 0.08
"""How often each edit is made, times the recipe's factor."""

COLOURS = 0.7
"""How often brightness, contrast and saturation change."""


def edited(pixels: Tensor, side: int, *, smallest_crop: float, often: float, grey: float) -> Tensor:
    """Pictures cropped, flipped, turned, recoloured, bordered, captioned, blurred, compressed.

    Args:
        pixels: (N, H, W, 3) uint8.
        side: Height and width of the result.
        smallest_crop: Least area of a crop, as a share of the picture.
        often: Factor on the frequency of what goes beyond crop, flip and colour.
        grey: How often a picture loses its colours.

    Returns:
        (N, 3, side, side) float32 in -1 to 1. Random by torch's generator.
    """
    batch = pixels.permute(0, 3, 1, 2).float() / 255
    batch = _placed(batch, side, smallest_crop, often)
    batch = _recoloured(batch, grey)
    for rate, edit in ((BLUR, _blurred), (SHRINK, _shrunk), (CAPTION, _captioned), (JPEG, _jpeg)):
        chosen = torch.nonzero(torch.rand(len(batch)) < rate * often)[:, 0]
        if len(chosen):
            batch[chosen] = edit(batch[chosen])
    return as_input(batch.clamp(0, 1))


def unedited(pixels: Tensor, side: int) -> Tensor:
    """Pictures as they are, of another size: (N, H, W, 3) uint8 → (N, 3, side, side)."""
    batch = pixels.permute(0, 3, 1, 2).float() / 255
    return as_input(functional.interpolate(batch, (side, side), mode="bilinear", antialias=True))


def as_input(batch: Tensor) -> Tensor:
    """Values in 0 to 1 as the network takes them: -1 to 1, channels last in memory."""
    return (batch * 2 - 1).contiguous(memory_format=torch.channels_last)


def _between(low: float, high: float, *shape: int) -> Tensor:
    return torch.empty(*shape).uniform_(low, high)


def _placed(batch: Tensor, side: int, smallest_crop: float, often: float) -> Tensor:
    """Cropped or set into a border, flipped and turned, in one resampling."""
    n = len(batch)
    area, aspect = _between(smallest_crop, 1, n).sqrt(), _between(-0.28, 0.28, n).exp().sqrt()
    width, height = (area * aspect).clamp(max=1), (area / aspect).clamp(max=1)
    bordered = torch.rand(n) < BORDER * often
    width = torch.where(bordered, _between(1, 1.6, n), width)
    height = torch.where(bordered, _between(1, 1.6, n), height)
    right = _between(-1, 1, n) * (1 - width).abs()
    down = _between(-1, 1, n) * (1 - height).abs()
    turned = torch.where(torch.rand(n) < TURN * often, torch.randn(n) * 0.1, torch.zeros(n))
    cosine, sine = turned.cos(), turned.sin()
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    rows = [
        torch.stack([flip * width * cosine, -height * sine, right], 1),
        torch.stack([flip * width * sine, height * cosine, down], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), [n, 3, side, side], align_corners=False)
    plain = (torch.rand(n, 1, 1, 1) < 0.5).float().expand(n, 3, 1, 1)  # black or white
    ground = torch.where(torch.rand(n, 1, 1, 1) < 0.6, plain, torch.rand(n, 3, 1, 1))
    return functional.grid_sample(batch - ground, grid, align_corners=False) + ground


def _recoloured(batch: Tensor, colourless: float) -> Tensor:
    n = len(batch)
    changed = torch.rand(n, 1, 1, 1) < COLOURS

    def factor(low: float, high: float) -> Tensor:
        return torch.where(changed, _between(low, high, n, 1, 1, 1), 1.0)

    batch = batch * factor(0.6, 1.4)
    mean = batch.mean((1, 2, 3), keepdim=True)
    batch = (batch - mean) * factor(0.6, 1.4) + mean
    grey = batch.mean(1, keepdim=True)
    colour = torch.where(torch.rand(n, 1, 1, 1) < colourless, 0.0, factor(0.4, 1.5))
    return grey + (batch - grey) * colour


def _blurred(batch: Tensor) -> Tensor:
    return functional.avg_pool2d(functional.pad(batch, (2, 2, 2, 2), mode="reflect"), 5, 1)


def _shrunk(batch: Tensor) -> Tensor:
    side = batch.shape[-1]
    small = max(8, int(side * float(_between(0.25, 0.6, 1))))
    less = functional.interpolate(batch, (small, small), mode="bilinear", antialias=True)
    return functional.interpolate(less, (side, side), mode="bilinear")


def _captioned(batch: Tensor) -> Tensor:
    """A bar at the top or bottom, with strokes like writing."""
    side = batch.shape[-1]
    batch = batch.clone()
    for picture in batch:
        height = max(8, int(side * float(_between(0.08, 0.24, 1))))
        ground = float(torch.rand(()) < 0.5)
        strokes = (torch.rand(1, 1, max(height // 3, 1), side // 2) < 0.5).float()
        strokes = functional.interpolate(strokes, (height // 2, side * 3 // 4))[0]
        bar = torch.full((3, height, side), ground)
        top, left = height // 4, side // 8
        bar[:, top : top + height // 2, left : left + side * 3 // 4] += (1 - 2 * ground) * strokes
        if torch.rand(()) < 0.5:
            picture[:, :height] = bar
        else:
            picture[:, -height:] = bar
    return batch


def _jpeg(batch: Tensor) -> Tensor:
    rows = (batch.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
    found = []
    for row in rows:
        stream = io.BytesIO()
        quality = math.floor(float(_between(8, 50, 1)))
        Image.fromarray(row).save(stream, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(stream)))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255
