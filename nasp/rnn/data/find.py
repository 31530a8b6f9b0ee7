"""Text data by a name or by a path."""

from pathlib import Path

from nasp.data.locate import find_data

# Where the data of a name may lie in a folder of data sets, and where they are to be had.
PLACES: dict[str, tuple[str, ...]] = {
    "ptb": (
        "ptb",
        "penn",
        "ptb/simple-examples.tgz",
        "simple-examples.tgz",
        "simple-examples/data",
    ),
    "wikitext-2": ("wikitext-2", "wikitext-2/wikitext-2-v1.zip", "wikitext-2-v1.zip"),
}
SOURCES = {
    "ptb": (
        "get the Penn Treebank as Mikolov prepared it, simple-examples.tgz or its ptb.*.txt "
        "(10,000 words)"
    ),
    "wikitext-2": "get wikitext-2-v1.zip, the word-level WikiText-2 of Merity et al.",
}


def find_text(data: str, data_dir: Path | None = None) -> Path:
    """Return where text data are.

    A name is looked for in `data_dir`, in the folder in the environment variable NASP_DATA, and in
    the working folder.

    Args:
        data: A path, or a name: `ptb`, `wikitext-2`, or whatever folder is there.
        data_dir: A folder that holds data sets.

    Raises:
        NaspError: Nothing is there, or a folder is missing; the message says where to get the data.
    """
    return find_data(data, data_dir, "text", PLACES.get(data, (data,)), SOURCES)
