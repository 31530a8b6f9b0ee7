"""ImageNet (Russakovsky et al., 2015) and other data in its forms: images of any size."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nasp.cnn.data.encoded_images import EncodedImages, check_classes, check_labels
from nasp.cnn.data.files import SUFFIXES, FileImages, list_folder, list_tar
from nasp.cnn.data.shards import Shards
from nasp.errors import NaspError


@dataclass(frozen=True)
class EncodedSet:
    """A data set of encoded images, for data that are too large to be decoded in memory.

    Attributes:
        train: Training images.
        val: Validation images, which serve as test images for ImageNet.
        classes: Name of each class.
    """

    train: EncodedImages
    val: EncodedImages
    classes: tuple[str, ...]

    def sha256(self) -> str:
        """Return a digest of classes, labels, and names and sizes of the files.

        It does not cover the images' content, because reading all images would take too long.
        """
        found = hashlib.sha256(repr(self.classes).encode())
        for part in (self.train, self.val):
            found.update(part.labels.numpy().data)
            for name, size in part.files_and_sizes():
                found.update(f"{name} {size}\n".encode(errors="surrogateescape"))
        return found.hexdigest()


def open_imagenet(path: Path, classes: int | None = None) -> EncodedSet:
    """List the images without decoding them.

    Args:
        path: A folder of `train/<class>/` and `val/<class>/` with images, or `test/<class>/` where
            there is no `val`; the same in a tar without compression; or a folder of
            `train-*.parquet` and `validation-*.parquet` (`val-*`).
        classes: Required number of classes; None for any.

    Returns:
        The images. Classes of folders are in the order of their names. If parquet files do not name
        the classes, their names are their numbers.

    Raises:
        NaspError: A file or folder is missing, damaged or of another form, a class has no training
            images, or the number of classes is not the required one.
    """
    if path.is_file() and path.suffix == ".tar":
        found = _from_files(path)
    elif path.is_dir() and any(path.glob("*.parquet")):
        found = _from_parquet(path)
    elif path.is_dir():
        found = _from_files(path)
    else:
        raise NaspError(
            f"{path}: give a folder of train/<class>/ and val/<class>/, such a folder in a .tar, "
            "or a folder of train-*.parquet and validation-*.parquet"
        )
    check_classes(len(found.classes), classes, str(path))
    return found


def _from_files(root: Path) -> EncodedSet:
    listing = list_tar(root) if root.is_file() else list_folder(root)
    members = listing.members
    held_out = next((split for split in ("val", "test") if split in members), "val")
    for split in ("train", held_out):
        if split not in members:
            raise NaspError(
                f"{root} holds no {split}/<class>/ with images ({', '.join(SUFFIXES)}): arrange "
                "the images so"
            )
    listing.check(root)
    classes = tuple(sorted(members["train"]))
    if unknown := sorted(set(members[held_out]) - set(classes)):
        raise NaspError(
            f"{root}: no image of class {unknown[0]} is in train, but some are in {held_out}: "
            "arrange both by the same classes"
        )
    if len(classes) == 1:
        raise NaspError(
            f"{root} holds one class, {classes[0]}: give images of two or more, each in a folder"
        )
    train, val = (FileImages(root, members[split], classes) for split in ("train", held_out))
    return EncodedSet(train, val, classes)


def _from_parquet(folder: Path) -> EncodedSet:
    train, val = Shards(folder, "train"), Shards(folder, "validation", "val")
    classes = train.classes or tuple(map(str, range(int(train.labels.max()) + 1)))
    for shards in (train, val):
        check_labels(shards.labels, len(classes), shards.place)
    return EncodedSet(train, val, classes)
