"""Images as files in a folder for each class, on disk or in a tar."""

import os
import tarfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from nasp.atomic_io import check_regular
from nasp.cnn.data.encoded_images import EncodedImages
from nasp.errors import NaspError

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")
SPLITS = ("train", "val", "test")
Member = tuple[str, int, int]  # path below the root, offset in the tar in bytes, size in bytes


@dataclass
class Listing:
    """The images in `<split>/<class>/`.

    Attributes:
        members: Images of each split and class, in the order of their names.
        left_out: Paths in class folders that are not read: other files, and all in sub-folders.
    """

    members: dict[str, dict[str, list[Member]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, offset: int = 0, size: int = 0) -> None:
        """Add a file by its path below the root, unless it is hidden or in another folder."""
        path = PurePosixPath(name)
        parts = path.parts
        start = next((i for i, part in enumerate(parts) if part in SPLITS), None)
        if start is None or len(parts) < start + 3 or path.name.startswith("."):
            return
        images = self.members.setdefault(parts[start], {}).setdefault(parts[start + 1], [])
        if len(parts) == start + 3 and path.suffix.lower() in SUFFIXES:
            images.append((name, offset, size))
        else:
            self.left_out.append(name)

    def check(self, root: Path) -> None:
        """Warn of files that are not read.

        Raises:
            NaspError: A class folder holds no images.
        """
        for split, classes in self.members.items():
            for name, images in classes.items():
                if not images:
                    raise NaspError(
                        f"{root}: {split}/{name} holds no images ({', '.join(SUFFIXES)}) directly "
                        "in it: put them there, or remove the folder"
                    )
        if self.left_out:
            warnings.warn(
                f"{root}: {len(self.left_out):,} files are not read, {self.left_out[0]} for "
                f"example: images are {', '.join(SUFFIXES)} directly in the folder of a class",
                stacklevel=4,
            )


class FileImages(EncodedImages):
    """The images of one split.

    The file is opened for each image, so that no two processes share a file position.

    Args:
        root: The folder that paths are relative to, or the tar.
        members: The images of each class.
        classes: All classes in order.

    Attributes:
        names: Path of each image below the root, as bytes, which take little memory.
        offsets: Offset of each image in the tar, in bytes, int64.
        sizes: Size of each image in the tar, in bytes, int64.
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

    def files_and_sizes(self) -> Iterator[tuple[str, int]]:
        for encoded, size in zip(self.names, self.sizes.tolist(), strict=True):
            name = os.fsdecode(encoded)
            size = size if self.packed else (self.root / name).stat().st_size
            yield "/".join(name.split("/")[-3:]), size  # in a tar, more folders may come first

    def place(self, index: int) -> str:
        separator = ": " if self.packed else "/"
        return f"{self.root}{separator}{os.fsdecode(self.names[index])}"


def list_folder(root: Path) -> Listing:
    """Return the images in `root/<split>/<class>/`, in the order of their names.

    Raises:
        OSError: A folder cannot be read.
    """
    listing = Listing()
    for split in SPLITS:
        for folder in sorted((root / split).iterdir()) if (root / split).is_dir() else []:
            if folder.is_dir() and not folder.name.startswith("."):
                listing.members.setdefault(split, {}).setdefault(folder.name, [])
                for place, folders, names in os.walk(folder):
                    folders.sort()
                    below = Path(place).relative_to(root).as_posix()
                    for name in sorted(names):
                        listing.add(f"{below}/{name}")
    return listing


def list_tar(path: Path) -> Listing:
    """Return the images in `<split>/<class>/` of a tar, possibly inside one more folder.

    Raises:
        NaspError: The file is not a tar, is compressed, or is truncated.
    """
    listing = Listing()
    try:
        with tarfile.open(path, "r:") as file:
            end = 0
            for member in file:
                end = member.offset_data + member.size
                if member.isreg():
                    listing.add(member.name, member.offset_data, member.size)
                file.members.clear()  # type: ignore[attr-defined]  # otherwise it keeps all members in memory
    except (OSError, tarfile.TarError) as error:
        raise NaspError(
            f"{path} is not a complete tar without compression ({error}): "
            "get it again, or unpack it"
        ) from error
    # A complete tar ends in a block of zeros.
    if path.stat().st_size < end + tarfile.BLOCKSIZE:
        raise NaspError(f"{path} is cut off: get it again")
    return listing
