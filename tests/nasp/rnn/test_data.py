"""Reading of texts from folders and archives, and errors in them."""

import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from nasp.errors import NaspError
from nasp.rnn.data import Vocabulary, encode, find_text, load_corpus
from tests.nasp.rnn.made import write_texts

FORMS = ["{}.txt", "ptb.{}.txt", "wiki.{}.tokens"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_texts(tmp_path / "made")


def test_words_become_integers_and_lines_end(tmp_path: Path) -> None:
    for split, text in {"train": " b a\n\na c \n", "valid": "c\n", "test": "a b\n"}.items():
        (tmp_path / f"{split}.txt").write_text(text)
    corpus = load_corpus(tmp_path)
    assert corpus.vocabulary.words == ("b", "a", "<eos>", "c")
    assert corpus.train.tolist() == [0, 1, 2, 2, 1, 3, 2]
    assert corpus.valid.tolist() == [3, 2]
    assert corpus.test.tolist() == [1, 0, 2]


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_hold_the_same_text(folder: Path, tmp_path: Path, form: str) -> None:
    expected = load_corpus(folder)
    other = write_texts(tmp_path / "other", form)
    packed, zipped = tmp_path / "some.tgz", tmp_path / "some.zip"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(other, "./simple-examples/data")
        tar.add(folder / "train.txt", "./simple-examples/data/ptb.char.train.txt")
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in other.iterdir():
            archive.write(path, f"wikitext-2/{path.name}")
    for path in (other, packed, zipped):
        corpus = load_corpus(path)
        assert corpus.sha256 == expected.sha256
        assert torch.equal(corpus.train, expected.train)


def test_an_unknown_word_is_named_with_file_and_line(folder: Path) -> None:
    with (folder / "test.txt").open("a") as file:
        file.write("w1 w2\nw1 wx w2\n")
    lines = len((folder / "test.txt").read_text().splitlines())
    with pytest.raises(NaspError, match=rf"test\.txt, line {lines}: the word 'wx'"):
        load_corpus(folder)


def test_unknown_words_become_unk_by_option(tmp_path: Path) -> None:
    for split, text in {"train": "a <unk> b\n", "valid": "b c d\n", "test": "a\n"}.items():
        (tmp_path / f"{split}.txt").write_text(text)
    with pytest.raises(NaspError, match=r"valid\.txt, line 1: the word 'c' .* --map_unknown"):
        load_corpus(tmp_path)
    with pytest.warns(UserWarning, match=r"valid\.txt: 2 of 4 words .*'c' for example.*<unk>"):
        corpus = load_corpus(tmp_path, map_unknown=True)
    assert corpus.valid.tolist() == [2, 1, 1, 3]
    (tmp_path / "train.txt").write_text("a b\n")
    with pytest.raises(NaspError, match="rare words replaced by <unk> in all"):
        load_corpus(tmp_path, map_unknown=True)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa b\nc\n",  # a byte-order mark
        "a\u2028b\nc\n",  # a line separator
        "a\x0cb\nc\n",  # a form feed
        "a\x85b\nc\n",
        "a b\r\nc\r\n",
        "a b\rc",
        "a b\nc",
    ],
)
def test_marks_and_separators_are_no_words_and_no_line_ends(tmp_path: Path, text: str) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_bytes(text.encode())
    corpus = load_corpus(tmp_path)
    assert corpus.vocabulary.words == ("a", "b", "<eos>", "c")
    assert corpus.train.tolist() == [0, 1, 2, 3, 2]


def test_the_vocabulary_is_of_the_training_text_alone(folder: Path) -> None:
    (folder / "train.txt").write_text("w1 w2\n")
    with pytest.raises(NaspError, match=r"valid\.txt, line 1: the word 'w0'"):
        load_corpus(folder)


def test_missing_and_broken_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "valid.txt").unlink()
    with pytest.raises(NaspError, match=r"made holds no valid text: it needs one of valid\.txt"):
        load_corpus(folder)
    (folder / "valid.txt").write_bytes(b"w1 \xff\n")
    with pytest.raises(NaspError, match=r"valid\.txt is not UTF-8 text"):
        load_corpus(folder)
    (folder / "valid.txt").write_text("\n\n")
    with pytest.raises(NaspError, match=r"valid\.txt holds no words"):
        load_corpus(folder)
    for name in ("cut.zip", "cut.tgz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
        with pytest.raises(NaspError, match=f"{name} cannot be read"):
            load_corpus(tmp_path / name)
    (tmp_path / "text.doc").touch()
    with pytest.raises(NaspError, match="neither a folder nor an archive"):
        load_corpus(tmp_path / "text.doc")


def test_names_are_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASP_DATA", raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_text(str(folder)) == folder
    assert find_text("made", tmp_path) == folder
    with pytest.raises(NaspError, match="did you mean 'made'"):
        find_text("mode", tmp_path)
    with pytest.raises(NaspError, match=r"ptb is in none of .*simple-examples\.tgz"):
        find_text("ptb", tmp_path)
    write_texts(tmp_path / "penn")
    assert find_text("ptb", tmp_path) == tmp_path / "penn"
    (tmp_path / "wikitext-2-v1.zip").touch()
    assert find_text("wikitext-2", tmp_path) == tmp_path / "wikitext-2-v1.zip"
    with pytest.raises(NaspError, match=r"nowhere/x\.zip'?: no such file"):
        find_text("nowhere/x.zip")
    with pytest.raises(NaspError, match=r"data_dir: .*is not a folder"):
        find_text("ptb", tmp_path / "absent")


def test_a_text_of_ones_own_needs_a_card_alone(folder: Path, tmp_path: Path) -> None:
    card = tmp_path / "datasets" / "tales" / "card.yaml"
    card.parent.mkdir(parents=True)
    card.write_text(
        "{kind: text, title: Tales, aliases: [our-tales], homepage: h, licence: l, citation: c,"
        "format: f, counts: {}, places: [old/tales], obtain: write some}"
    )
    with pytest.raises(NaspError, match=r"tales is in none of .*: write some, and put it"):
        find_text("tales", tmp_path)
    write_texts(tmp_path / "old" / "tales")
    for name in ("tales", "our-tales"):
        assert load_corpus(find_text(name, tmp_path)).sha256 == load_corpus(folder).sha256


def test_the_real_penn_treebank(data_dir: Path) -> None:
    if not (data_dir / "penn" / "train.txt").is_file():
        pytest.skip(f"no penn/train.txt in {data_dir}")
    corpus = load_corpus(find_text("ptb", data_dir))
    assert len(corpus.vocabulary) == 10_000
    sizes = [len(text) for text in (corpus.train, corpus.valid, corpus.test)]
    assert sizes == [929_589, 73_760, 82_430]


def test_real_wikitext_is_read_and_its_missing_text_named(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "wikitext-2"
    if not (folder / "valid.txt").is_file():
        pytest.skip(f"no wikitext-2/valid.txt in {data_dir}")
    if not (folder / "train.txt").exists():
        with pytest.raises(NaspError, match="wikitext-2 holds no train text"):
            load_corpus(find_text("wikitext-2", data_dir))
    # The validation text in place of the training text is a text of the same format.
    lines = (folder / "valid.txt").read_text().splitlines(keepends=True)
    (tmp_path / "train.txt").write_text("".join(lines))
    for split, part in (("valid", lines[:300]), ("test", lines[300:600])):
        (tmp_path / f"{split}.txt").write_text("".join(part))
    corpus = load_corpus(tmp_path)
    assert {"<unk>", "@-@", "<eos>"} <= set(corpus.vocabulary.words)
    assert len(corpus.train) == sum(len(line.split()) + 1 for line in lines)


def test_a_text_is_encoded_with_words_of_another() -> None:
    vocabulary = Vocabulary(("a", "<eos>", "b"))
    assert encode([["b", "a"], []], vocabulary, "x").tolist() == [2, 0, 1, 1]
