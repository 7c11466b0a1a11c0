import numpy as np
import pytest
import torch
from training.builtin import edits


@pytest.fixture
def batch() -> torch.Tensor:
    """(6, 3, 48, 48): blocks of colours, with sharp edges."""
    torch.manual_seed(0)
    return torch.nn.functional.interpolate(torch.rand(6, 3, 12, 12), (48, 48))


def roughness(batch: torch.Tensor) -> torch.Tensor:
    return (batch[..., 1:] - batch[..., :-1]).square().mean((1, 2, 3))


@pytest.mark.parametrize("edit", [edits._blurred, edits._shrunk])
def test_some_edits_take_detail_away(edit: object, batch: torch.Tensor) -> None:
    found = edit(batch)  # type: ignore[operator]
    assert found.shape == batch.shape
    assert (roughness(found) < 0.6 * roughness(batch)).all()
    torch.testing.assert_close(found.mean((2, 3)), batch.mean((2, 3)), atol=0.05, rtol=0)


def test_a_caption_covers_an_edge_and_nothing_else(batch: torch.Tensor) -> None:
    before = batch.clone()
    found = edits._captioned(batch)
    assert torch.equal(batch, before)
    for one, other in zip(found, batch, strict=True):
        changed = (one != other).any(0).any(1)
        assert changed[0] != changed[-1]
        assert 4 <= changed.sum() <= 12
        edge = one[:, :8] if changed[0] else one[:, -8:]
        assert set(edge.unique().tolist()) <= {0.0, 1.0}


def test_compression_stays_near_the_picture(batch: torch.Tensor) -> None:
    found = edits._jpeg(batch)
    difference = (found - batch).abs().mean((1, 2, 3))
    assert (difference > 0.002).all()
    assert (difference < 0.15).all()


@pytest.mark.parametrize("name", ["BORDER", "TURN", "BLUR", "SHRINK", "CAPTION", "JPEG"])
def test_each_edit_is_made_as_often_as_it_says(
    name: str, batch: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one edit alone, some pictures differ from those without any, and not all."""
    pixels = (batch.repeat(20, 1, 1, 1) * 255).byte().permute(0, 2, 3, 1)
    for other in ("BORDER", "TURN", "BLUR", "SHRINK", "CAPTION", "JPEG", "COLOURS"):
        monkeypatch.setattr(edits, other, 0.0)

    def made() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        torch.manual_seed(1)
        return edits.edited(pixels, 48, smallest_crop=1.0, often=1.0, grey=0.0).numpy()

    plain = made()
    monkeypatch.setattr(edits, name, 0.5)
    differs = (np.abs(made() - plain).reshape(120, -1).max(1) > 0.02).mean()
    assert 0.3 < differs < 0.7


def test_all_colour_is_lost_where_it_is_asked_for(batch: torch.Tensor) -> None:
    pixels = (batch * 255).byte().permute(0, 2, 3, 1)
    found = edits.edited(pixels, 48, smallest_crop=1.0, often=0.0, grey=1.0)
    torch.testing.assert_close(found[:, 0], found[:, 1])
    torch.testing.assert_close(found[:, 0], found[:, 2])
