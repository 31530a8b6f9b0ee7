"""Files of language models."""

from pathlib import Path

import pytest
import torch

from nasp.errors import NaspError
from nasp.files.digest import with_digest
from nasp.rnn.data import Vocabulary
from nasp.rnn.model_file import load_model, save_model
from nasp.rnn.network import LanguageModel
from nasp.rnn.zoo import ZOO
from nasp.runs.checkpoint import Checkpoint

VOCABULARY = Vocabulary(("a", "b", "<eos>"))


@pytest.mark.parametrize("name", ZOO)
def test_a_loaded_model_is_the_same(name: str, tmp_path: Path) -> None:
    network = LanguageModel(ZOO[name], 3, 4, torch.Generator().manual_seed(1))
    save_model(tmp_path / "model.pt", network, VOCABULARY)
    loaded, vocabulary = load_model(tmp_path / "model.pt")
    assert vocabulary == VOCABULARY
    assert loaded.genotype == ZOO[name]
    inputs, state = torch.tensor([[0, 2], [1, 1]]), torch.zeros(2, 4)
    assert torch.equal(loaded.outputs(inputs, state), network.outputs(inputs, state))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    network = LanguageModel(ZOO["darts_v1"], 3, 4, torch.Generator())
    save_model(path, network, VOCABULARY)
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(NaspError, match=r"model\.pt: not a model file, or damaged"):
            load_model(path)
    with pytest.raises(NaspError, match="cannot read the model file"):
        load_model(tmp_path / "none.pt")
    Checkpoint(tmp_path / "checkpoint", {}).put("train", {}, now=True)
    [other] = (tmp_path / "checkpoint").iterdir()
    with pytest.raises(NaspError, match="holds no language model"):
        load_model(other)
    path.write_bytes(whole)
    body = torch.load(path, weights_only=True)
    torch.save(body | {"version": 9}, path)
    with pytest.raises(NaspError, match="model version 9"):
        load_model(path)
    torch.save(body | {"words": ["a"]}, path)
    with pytest.raises(NaspError, match="model file is damaged"):
        load_model(path)
    del body["digest"]
    for key, value, message in (
        ("words", ["a", "a", "<eos>"], "not distinct"),
        ("words", ["a", "b", "c"], "lack <eos>"),
        ("words", ["a", "b", 3], r"words\[2\] must be text"),
        ("units", True, "units must be a whole number"),
        ("units", 5, "must have the shape"),
        ("units", 10**9, "units must be a whole number"),
        ("state", {name: value / 0 for name, value in body["state"].items()}, "not finite"),
        ("state", {name: value.half() for name, value in body["state"].items()}, "dtype"),
        ("state", [], "state must be a mapping"),
        ("genotype", {}, "genotype must be text"),
    ):
        torch.save(with_digest(body | {key: value}), path)
        with pytest.raises(NaspError, match=message) as error:
            load_model(path)
        assert str(path) in str(error.value)
    torch.save(body | {"version": 1}, path)
    assert load_model(path)[1] == VOCABULARY
