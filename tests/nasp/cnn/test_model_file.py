"""Files of networks."""

import pytest
import torch

from nasp.cnn.data import Normalise
from nasp.cnn.model_file import load_network, save_network
from nasp.cnn.network import Network
from nasp.errors import NaspError
from nasp.files.digest import with_digest
from nasp.runs.checkpoint import Checkpoint
from tests.nasp.cnn.cells import SMALL

NAMES = ("cat", "dog", "eel")
SEEN = (Normalise((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)), 32)


@pytest.fixture(params=["cifar", "imagenet"])
def network(request):
    made = Network(SMALL, 4, 3, 3, request.param, True, torch.Generator().manual_seed(1))
    made.train()(torch.rand(4, 3, 32, 32))  # changes the statistics of the batch norms
    return made


def test_a_loaded_network_evaluates_exactly_alike(network, tmp_path):
    path = tmp_path / "model.pt"
    save_network(path, network, NAMES, *SEEN)
    loaded = load_network(path)
    images = torch.rand(5, 3, 32, 32)
    assert not loaded.network.training
    assert torch.equal(loaded.network(images)[0], network.eval()(images)[0])
    assert (loaded.class_names, loaded.normalise, loaded.size) == (NAMES, *SEEN)
    assert loaded.network.genotype == SMALL


def test_a_loaded_network_can_be_trained_on(network, tmp_path):
    save_network(tmp_path / "model.pt", network, NAMES, *SEEN)
    loaded = load_network(tmp_path / "model.pt").network
    images = torch.rand(4, 3, 32, 32)
    for ours, theirs in zip(loaded.train()(images), network.train()(images), strict=True):
        assert torch.equal(ours, theirs)
    loaded(images)[0].sum().backward()
    assert loaded.classifier.weight.grad is not None


def test_there_is_a_name_for_each_class(network, tmp_path):
    with pytest.raises(NaspError, match="2 names for 3 classes"):
        save_network(tmp_path / "model.pt", network, NAMES[:2], *SEEN)
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused_in_one_line(network, tmp_path):
    path = tmp_path / "model.pt"
    save_network(path, network, NAMES, *SEEN)
    whole, body = path.read_bytes(), torch.load(path, weights_only=True)

    def refused(message):
        with pytest.raises(NaspError, match=message) as error:
            load_network(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)

    for damaged in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        refused("damaged")
    Checkpoint(tmp_path).put("training", {"epoch": 1}, now=True)
    (written,) = tmp_path.glob("training*.pt")
    written.replace(path)
    refused("this file holds no")
    torch.save([1, 2], path)
    refused("this file holds no")
    torch.save({**body, "version": 3}, path)
    refused("version 3")
    for key, value in {
        "genotype": "{}",
        "state": {},
        "network": {**body["network"], "channels": 6},
        "mean": None,
    }.items():
        torch.save({**body, key: value}, path)
        refused("damaged|not a genotype")
    del body["digest"]
    weight = body["state"]["classifier.weight"]
    for key, value, message in (
        ("mean", [0.1, 0.2], r"mean must be a list of 3"),
        ("std", [1.0, 0.0, 1.0], r"std\[1\] must be a finite number above 0, not 0.0"),
        ("std", [1.0, 1.0, float("nan")], r"std\[2\] must be a finite number above 0, not nan"),
        ("size", True, "size must be a whole number"),
        ("class_names", ["cat", "dog"], "2 names for 3 classes"),
        ("class_names", ["cat", "dog", 3], r"class_names\[2\] must be text, not 3"),
        ("network", {**body["network"], "layers": 10**12}, "network.layers must be"),
        ("network", {**body["network"], "kind": "mnist"}, "network.kind must be one of"),
        ("state", {**body["state"], "classifier.weight": weight.double()}, "torch.float32"),
        ("state", {**body["state"], "classifier.weight": weight[:1]}, "shape"),
        ("state", {**body["state"], "classifier.weight": weight / 0}, "not finite"),
        ("state", {"classifier.weight": weight}, "is missing in the network's state"),
        ("more", 1, "more is not a known key"),
    ):
        torch.save(with_digest({**body, key: value}), path)
        refused(message)
    path.unlink()
    refused("No such file")


def test_a_file_of_the_first_version_is_read(network, tmp_path):
    path = tmp_path / "model.pt"
    save_network(path, network, NAMES, *SEEN)
    body = torch.load(path, weights_only=True)
    del body["digest"]
    torch.save({**body, "version": 1}, path)
    assert load_network(path).class_names == NAMES


def test_code_in_a_file_does_not_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"format": "nasp.cnn network", "state": Hostile()}, tmp_path / "model.pt")
    with pytest.raises(NaspError, match="not a network file"):
        load_network(tmp_path / "model.pt")
    assert not (tmp_path / "ran").exists()
