"""Image data: CIFAR-10 in the device's memory, ImageNet decoded while it is used."""

from nasp.cnn.data.augment import Augment, Draws, Normalise
from nasp.cnn.data.batches import ImageBatch, evaluation_batches, training_batches
from nasp.cnn.data.card import find_images
from nasp.cnn.data.cifar import load_cifar
from nasp.cnn.data.encoded_images import EncodedImages
from nasp.cnn.data.imagenet import EncodedSet, open_imagenet
from nasp.cnn.data.labelled import (
    ImageSet,
    LabelledImages,
    Squares,
    draw_parts,
    draw_subset,
    random_subset,
    split_images,
)
from nasp.cnn.data.loader import Loader, evaluation_loader, statistics, training_loader

__all__ = [
    "Augment",
    "Draws",
    "EncodedImages",
    "EncodedSet",
    "ImageBatch",
    "ImageSet",
    "LabelledImages",
    "Loader",
    "Normalise",
    "Squares",
    "draw_parts",
    "draw_subset",
    "evaluation_batches",
    "evaluation_loader",
    "find_images",
    "load_cifar",
    "open_imagenet",
    "random_subset",
    "split_images",
    "statistics",
    "training_batches",
    "training_loader",
]
