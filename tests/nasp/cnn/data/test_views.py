"""Crops of images."""

import colorsys
import math

import numpy as np
import pytest
import torch
from PIL import Image

from nasp.cnn.data.views import CentreView, TrainingView, jitter, random_box, shift_hue
from tests.nasp.cnn.data.made import random_images

IMAGE = Image.fromarray(random_images(1, 40)[0])


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def test_crops_have_the_area_and_the_ratio_that_they_should():
    random, width, height = seeded(), 400, 300
    boxes = [random_box(width, height, random) for _ in range(2000)]
    areas, ratios = [], []
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        areas.append((right - left) * (bottom - top) / (width * height))
        ratios.append((right - left) / (bottom - top))
    assert 0.078 < min(areas) < 0.09 and 0.9 < max(areas) <= 1
    assert 0.74 < min(ratios) < 0.76 and 1.32 < max(ratios) < 1.35
    # Small crops always fit and are never refused, so areas and logarithms of ratios are uniform.
    small = [r for a, r in zip(areas, ratios, strict=True) if a < 0.4]
    assert abs(np.mean(np.log(small))) < 0.02
    assert np.std(np.log(small)) == pytest.approx(2 * math.log(4 / 3) / math.sqrt(12), rel=0.05)
    assert np.mean([a for a in areas if a < 0.4]) == pytest.approx(0.24, rel=0.03)
    assert len({left for left, *_ in boxes}) > 150


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [(1000, 10, (493, 0, 506, 10)), (10, 1000, (0, 493, 10, 506)), (1, 1, (0, 0, 1, 1))],
)
def test_an_image_that_no_crop_fits_gives_its_centre(width, height, box):
    assert random_box(width, height, seeded()) == box


def test_a_training_view_follows_seed_epoch_and_position():
    view = TrainingView(16, seed=1)
    first = view(IMAGE, 0, 5)
    assert first.size == (16, 16) and first.mode == "RGB"
    assert view(IMAGE, 0, 5) == first == TrainingView(16, seed=1)(IMAGE, 0, 5)
    for other in (view(IMAGE, 1, 5), view(IMAGE, 0, 6), TrainingView(16, seed=2)(IMAGE, 0, 5)):
        assert other != first


def test_half_of_the_views_are_mirrored():
    left = np.zeros((40, 40, 3), np.uint8)
    left[:] = np.linspace(0, 250, 40)[None, :, None]  # brighter to the right
    view, image, mirrored = TrainingView(8, seed=1), Image.fromarray(left), 0
    for index in range(200):
        grey = np.array(view(image, 0, index)).astype(float).mean((0, 2))
        mirrored += grey[0] > grey[-1]
    assert 75 < mirrored < 125


def test_the_centre_view_is_resized_and_cropped():
    # A border of another colour, with an eighth of the area on each side, is cut off.
    array = np.full((256, 384, 3), 200, np.uint8)
    array[16:-16, 80:-80] = 50
    seen = np.array(CentreView(224)(Image.fromarray(array), 0, 0))
    assert seen.shape == (224, 224, 3) and (seen == 50).all()
    small = CentreView(28)(Image.fromarray(array), 3, 7)
    assert small.size == (28, 28)
    assert np.array(small)[2:-2, 2:-2].max() == 50


@pytest.mark.parametrize("size", [(64, 64), (500, 375), (37, 501), (3, 2)])
def test_the_centre_view_of_any_size(size):
    assert CentreView(32)(Image.new("RGB", size), 0, 0).size == (32, 32)


@pytest.mark.parametrize("shift", [-0.2, 0.0, 0.1, 0.2, 1 / 3])
def test_a_hue_is_turned_and_nothing_else(shift):
    for colour in ((200, 40, 40), (30, 180, 90), (120, 20, 220)):
        image = Image.new("RGB", (1, 1), colour)
        h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
        expected = np.array(colorsys.hsv_to_rgb((h + shift) % 1, s, v)) * 255
        found = np.array(shift_hue(image, shift))[0, 0]
        assert np.abs(found - expected).max() < 6  # a 256th of the circle is up to 6 levels


def test_changes_of_colour_stay_in_their_bounds():
    grey = Image.new("RGB", (2, 2), (100, 100, 100))
    random = seeded()
    values = [int(np.array(jitter(grey, random))[0, 0, 0]) for _ in range(400)]
    # A grey image has no contrast, saturation or hue, so only brightness changes, by 0.6 to 1.4.
    assert 60 <= min(values) < 63 and 137 < max(values) <= 140
    assert np.mean(values) == pytest.approx(100, abs=4)
    assert jitter(IMAGE, seeded(1)) == jitter(IMAGE, seeded(1)) != jitter(IMAGE, seeded(2))
