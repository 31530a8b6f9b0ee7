"""Augmentation of whole batches is that of single images."""

import numpy as np
import pytest
import torch

from nasp.cnn.data import Augment, Draws, Normalise
from nasp.errors import NaspError
from tests.nasp.cnn.data.made import SEEN, random_images

SIZE = 8


def batch(count=60, size=SIZE):
    return torch.from_numpy(random_images(count, size).transpose(0, 3, 1, 2).copy())


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def reference(image, augment, dy, dx, flip, cut_y, cut_x):
    """Augment one image, step by step, as NumPy `(3, size, size)`."""
    size, p = image.shape[-1], augment.padding
    padded = np.pad(image, ((0, 0), (p, p), (p, p)))
    out = padded[:, dy : dy + size, dx : dx + size]
    if flip:
        out = out[:, :, ::-1]
    mean, std = (
        np.array(values, np.float32)[:, None, None]
        for values in (augment.normalise.mean, augment.normalise.std)
    )
    out = (out.astype(np.float32) / np.float32(255) - mean) / std
    # As in DARTS: from the centre minus one half of the length to the centre plus the other half.
    half = augment.cutout // 2
    for y in range(cut_y - half, cut_y - half + augment.cutout):
        for x in range(cut_x - half, cut_x - half + augment.cutout):
            if 0 <= y < size and 0 <= x < size:
                out[:, y, x] = 0
    return out


@pytest.mark.parametrize("cutout", [0, 1, 4, 5, 16])
@pytest.mark.parametrize("padding", [0, 2, 4])
@pytest.mark.parametrize("flip", [False, True])
def test_a_batch_is_its_images_one_by_one(padding, flip, cutout):
    augment, images = Augment(SEEN, padding, flip, cutout), batch()
    draws = augment.draw(len(images), SIZE, seeded())
    out = augment.apply(images, draws)
    assert out.dtype == torch.float32
    rows = zip(*(values.tolist() for values in draws), strict=True)
    for image, result, row in zip(images.numpy(), out.numpy(), rows, strict=True):
        np.testing.assert_array_equal(result, reference(image, augment, *row))
    assert torch.equal(images, batch())  # the data set's images are not changed


def test_without_changes_an_image_is_only_normalised():
    augment, images = Augment(SEEN, padding=4), batch(5)
    middle, never = torch.full((5,), 4), torch.zeros(5, dtype=torch.bool)
    out = augment.apply(images, Draws(middle, middle, never, middle, middle))
    assert torch.equal(out, SEEN(images))


def test_padding_is_black_and_cutout_is_the_mean():
    images = torch.full((1, 3, SIZE, SIZE), 255, dtype=torch.uint8)
    zero, never = torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.bool)
    corner = Augment(SEEN, cutout=2).apply(images, Draws(zero, zero, never, zero + 6, zero + 6))
    black = SEEN(torch.zeros_like(images))
    assert torch.equal(corner[0, :, :4, :], black[0, :, :4, :])
    assert torch.equal(corner[0, :, 5:7, 5:7], torch.zeros(3, 2, 2))
    assert torch.equal(corner[0, :, 7, 7], SEEN(images)[0, :, 7, 7])


def chi_square(values, kinds):
    counts = torch.bincount(values.long(), minlength=kinds).double()
    assert len(counts) == kinds  # no value outside of the range
    expected = len(values) / kinds
    return float(((counts - expected) ** 2 / expected).sum())


def test_draws_are_uniform_and_independent():
    count, size = 40_000, 16
    draws = Augment(SEEN).draw(count, size, seeded())
    limits = {2: 15.1, 9: 32.0, size: 45.0, 81: 134.0}  # exceeded once in 10 000
    for values, kinds in zip(draws, (9, 9, 2, size, size), strict=True):
        assert values.shape == (count,)
        assert chi_square(values, kinds) < limits[kinds]
    assert chi_square(draws.dy * 9 + draws.dx, 81) < limits[81]
    assert chi_square(draws.flip * 8 + draws.dy % 8, 16) > limits[size]  # 8 falls on 0: it can fail
    assert chi_square(draws.cut_y // 4 * 4 + draws.cut_x // 4, 16) < limits[size]


def test_draws_follow_the_seed():
    first, again, other = (Augment(SEEN).draw(30, SIZE, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_statistics_are_those_of_the_images():
    images = batch(1500, 4)
    found = Normalise.fit(images.split(400))
    plain = images.numpy().transpose(1, 0, 2, 3).reshape(3, -1) / 255
    np.testing.assert_allclose(found.mean, plain.mean(1), rtol=1e-12)
    np.testing.assert_allclose(found.std, plain.std(1), rtol=1e-12)
    out = found(images).double()
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-6)
    assert torch.allclose(out.square().mean((0, 2, 3)), torch.ones(3).double(), atol=1e-5)


def test_a_channel_of_one_value_is_only_centred():
    images = batch(20, 4)
    images[:, 1] = 7
    found = Normalise.fit([images])
    assert found.std[1] == 1
    assert torch.equal(found(images)[:, 1], torch.zeros(20, 4, 4))
    np.testing.assert_allclose(found(images)[:, 0].std(correction=0), 1, rtol=1e-5)


def test_what_cannot_be():
    with pytest.raises(NaspError, match="padding is -1"):
        Augment(SEEN, padding=-1)
    with pytest.raises(NaspError, match="cutout is -2"):
        Augment(SEEN, cutout=-2)
