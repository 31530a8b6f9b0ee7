"""Random subsets of images in memory."""

import pytest
import torch

from nasp.cnn.data import LabelledImages, random_subset, split_images
from nasp.errors import NaspError


def made(count=20):
    labels = torch.arange(count)
    return LabelledImages(labels.to(torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2), labels)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def together(part):
    """Check that each label still belongs to its image, and return the labels."""
    assert torch.equal(part.images[:, 0, 0, 0].long(), part.labels)
    return part.labels.tolist()


def test_a_split_has_every_image_once():
    first, second = (together(part) for part in split_images(made(), 0.3, seeded()))
    assert (len(first), len(second)) == (6, 14)
    assert sorted(first + second) == list(range(20))
    assert first != sorted(first)  # at random
    assert together(split_images(made(), 0.3, seeded())[0]) == first
    assert together(split_images(made(), 0.3, seeded(2))[0]) != first


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.02, -0.5, 1.5])
def test_a_split_with_an_empty_part(fraction):
    with pytest.raises(NaspError, match="of 20 images leaves one part empty"):
        split_images(made(), fraction, seeded())


def test_a_subset_has_no_image_twice():
    found = together(random_subset(made(), 7, seeded()))
    assert len(set(found)) == 7
    assert together(random_subset(made(), 7, seeded())) == found
    for count in (0, 21, -1):
        with pytest.raises(NaspError, match=f"{count} of 20 images"):
            random_subset(made(), count, seeded())
