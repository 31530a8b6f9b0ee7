"""Images as files in a folder for each class, unpacked or in a tar."""

import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from nasp.atomic_io import check_regular
from nasp.cnn.data.encoded_images import EncodedImages
from nasp.errors import NaspError

SUFFIXES = (".jpeg", ".jpg", ".png")
SPLITS = ("train", "val")
Member = tuple[str, int, int]  # path below the root, offset in the tar in bytes, size in bytes
Listing = dict[str, dict[str, list[Member]]]  # members of each split and class


class FileImages(EncodedImages):
    """The images of one split.

    A file is opened for each image, so that no two processes ever share a position in it.

    Args:
        root: The folder that the paths start from, or the tar.
        members: Images of each class.
        classes: All classes in order.

    Attributes:
        names: Path of each image below the root, as bytes: millions of them take little memory.
        offsets: Where each starts in the tar, in bytes, int64.
        sizes: Bytes of each in the tar, int64.
    """

    def __init__(
        self, root: Path, members: Mapping[str, list[Member]], classes: tuple[str, ...]
    ) -> None:
        self.root, self.packed = root, root.is_file()
        pairs = [(m, label) for label, name in enumerate(classes) for m in members.get(name, [])]
        self.names = np.array([os.fsencode(name) for (name, _, _), _ in pairs])
        self.offsets = np.array([offset for (_, offset, _), _ in pairs], np.int64)
        self.sizes = np.array([size for (_, _, size), _ in pairs], np.int64)
        self.labels = torch.tensor([label for _, label in pairs])

    def read(self, index: int) -> bytes:
        path = self.root if self.packed else self.root / os.fsdecode(self.names[index])
        if path.exists():
            check_regular(path, "image")
        try:
            with path.open("rb") as file:
                file.seek(self.offsets[index])
                return file.read(self.sizes[index] if self.packed else -1)
        except OSError as error:
            reason = error.strerror or error
            raise NaspError(f"{self.place(index)} cannot be read ({reason}): replace it") from error

    def place(self, index: int) -> str:
        separator = ": " if self.packed else "/"
        return f"{self.root}{separator}{os.fsdecode(self.names[index])}"


def list_folder(root: Path) -> Listing:
    """The images in `root/<split>/<class>/`, in the order of their names.

    Raises:
        OSError: A folder cannot be read.
    """
    listing: Listing = {}
    for split in SPLITS:
        for folder in sorted((root / split).iterdir()) if (root / split).is_dir() else []:
            names = sorted(os.listdir(folder)) if folder.is_dir() else []
            _add(listing, ((f"{split}/{folder.name}/{name}", 0, 0) for name in names))
    return listing


def list_tar(path: Path) -> Listing:
    """The images in `<split>/<class>/` of a tar, which may have one folder around them.

    Raises:
        NaspError: The file is no tar, is compressed, or is cut off.
    """
    listing: Listing = {}
    try:
        with tarfile.open(path, "r:") as file:
            end = 0
            for member in file:
                end = member.offset_data + member.size
                if member.isreg():
                    _add(listing, [(member.name, member.offset_data, member.size)])
                file.members.clear()  # type: ignore[attr-defined]  # else it keeps all of them
    except (OSError, tarfile.TarError) as error:
        raise NaspError(
            f"{path} is no whole tar without compression ({error}): get it anew, or unpack it"
        ) from error
    # A tar ends in a block of zeros; without it, some images were lost.
    if path.stat().st_size < end + tarfile.BLOCKSIZE:
        raise NaspError(f"{path} is cut off: get it anew")
    return listing


def _add(listing: Listing, members: Iterable[Member]) -> None:
    for name, offset, size in members:
        path = PurePosixPath(name)
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        split, label = ("", "", *path.parts)[-3:-1]
        if split in SPLITS:
            listing.setdefault(split, {}).setdefault(label, []).append((name, offset, size))
