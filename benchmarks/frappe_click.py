"""Make the files of the data set `frappe-click` from Frappe and NFM's instances of it.

    python benchmarks/frappe_click.py --data DIR/frappe --output DIR/frappe-click
    python -m sif.search --data frappe-click --data_dir DIR

NFM (He and Chua, 2017) takes an app's use in its context as a positive, and has two negatives for
each. Its training file is not available. The numbers of the features in `nfm.validation.libfm` and
`nfm.test.libfm` are those of the values of `frappe.csv`, column by column, in the order of their
first appearance. So the training positives are the entries of `frappe.csv` that are a positive of
neither file. They are written to `train.libfm`, without negatives: `sif.search` draws them anew.
"""

import argparse
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

FIELDS = (
    *("user", "item", "daytime", "weekday", "isweekend"),
    *("homework", "cost", "weather", "country", "city"),
)
FILES = {"valid": "nfm.validation.libfm", "test": "nfm.test.libfm"}


def numbered(entries: pd.DataFrame) -> list[str]:
    """Return the features of each entry in libfm's form, `0:1 957:1 5039:1 …`."""
    numbers, start = [], 0
    for name in FIELDS:
        codes, values = pd.factorize(entries[name], use_na_sentinel=False)
        numbers.append(start + codes)
        start += len(values)
    return [" ".join(f"{number}:1" for number in row) for row in np.stack(numbers, axis=1)]


def positives(path: Path) -> list[str]:
    """Return the features of the positives of a libfm file."""
    lines = (line.split(maxsplit=1) for line in path.read_text().splitlines())
    return [features.strip() for label, features in lines if float(label) > 0]


def make(data: Path, output: Path) -> int:
    """Write `train.libfm`, `valid.libfm` and `test.libfm`.

    Args:
        data: The folder of `frappe.csv` and NFM's files.
        output: The folder to write to.

    Returns:
        The number of training positives.

    Raises:
        ValueError: A positive of NFM's files is no entry of `frappe.csv`.
    """
    # All values are texts: `NA` is no missing value.
    entries = pd.read_csv(data / "frappe.csv", sep="\t", dtype=str, keep_default_na=False)
    # Counted, because some entries have equal features.
    left = Counter(numbered(entries))
    left.subtract(feature for name in FILES.values() for feature in positives(data / name))
    if unknown := [feature for feature, count in left.items() if count < 0]:
        raise ValueError(
            f"{len(unknown)} positives, {unknown[0]} for example, are no entries of "
            f"{data / 'frappe.csv'}: take all files from one source"
        )
    train = [f"1 {feature}\n" for feature in left.elements()]
    output.mkdir(parents=True, exist_ok=True)
    (output / "train.libfm").write_text("".join(train))
    for part, name in FILES.items():
        shutil.copyfile(data / name, output / f"{part}.libfm")
    return len(train)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of frappe.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    options = parser.parse_args()
    print(f"{options.output}: {make(options.data, options.output):,} training positives")


if __name__ == "__main__":
    main()
