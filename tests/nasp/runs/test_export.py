"""Exported networks give the network's outputs, and carry their contract."""

import json
import sys
from pathlib import Path

import pytest
import torch

from nasp import cnn_export, rnn_export
from nasp.cnn.data import Normalise
from nasp.cnn.model_file import save_network
from nasp.cnn.network import Network
from nasp.errors import NaspError
from nasp.rnn.data import Vocabulary
from nasp.rnn.model_file import save_model
from nasp.rnn.network import LanguageModel
from nasp.rnn.zoo import ZOO
from nasp.runs.export import ExportedNetwork, write_exported
from tests.nasp.cnn.cells import SMALL

NORMALISE = Normalise((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_an_image_network(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if suffix == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    network = Network(SMALL, 4, 2, 3, "cifar", True, torch.Generator().manual_seed(1))
    network.train()(torch.rand(4, 3, 8, 8))  # changes the statistics of the batch norms
    save_network(tmp_path / "model.pt", network, ("cat", "dog", "eel"), NORMALISE, 8)
    path = tmp_path / f"network.{suffix}"
    argv = ["--model", str(tmp_path), "--output", str(path)]
    cnn_export.main(argv)
    assert f"{path}: the outputs differ from the network's by at most" in capsys.readouterr().out
    images = torch.randint(256, (5, 3, 8, 8), dtype=torch.uint8)
    wanted = network.eval()(NORMALISE(images))[0]
    if suffix == "onnx":
        session = sys.modules["onnxruntime"].InferenceSession(path)
        (found,) = session.run(["logits"], {"pixels": (images / 255).numpy()})
        found, text = (
            torch.from_numpy(found),
            session.get_modelmeta().custom_metadata_map["contract.json"],
        )
    else:
        extra = {"contract.json": ""}
        found = torch.export.load(path, extra_files=extra).module()(images / 255)
        text = extra["contract.json"]
    assert torch.allclose(found, wanted, atol=1e-5)
    assert json.loads(text)["class_names"] == ["cat", "dog", "eel"]
    with pytest.raises(NaspError, match="exists: give another --output, or --overwrite true"):
        cnn_export.main(argv)


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_a_language_model_goes_on_from_its_state(suffix: str, tmp_path: Path) -> None:
    if suffix == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    network = LanguageModel(ZOO["darts_v1"], 3, 4, torch.Generator().manual_seed(1))
    save_model(tmp_path / "model.pt", network, Vocabulary(("a", "b", "<eos>")))
    path = tmp_path / f"language.{suffix}"
    rnn_export.main(["--model", str(tmp_path / "model.pt"), "--output", str(path)])
    words, state = torch.randint(3, (9, 5)), torch.zeros(5, 4)
    with torch.no_grad():
        wanted = network.words.decode(network.outputs(words, state)).logits.view(9, 5, 3)
    if suffix == "onnx":
        session = sys.modules["onnxruntime"].InferenceSession(path)

        def run(words: torch.Tensor, state: torch.Tensor) -> list[torch.Tensor]:
            given = {"words": words.numpy(), "state": state.numpy()}
            return [torch.from_numpy(x) for x in session.run(["logits", "next_state"], given)]
    else:
        run = torch.export.load(path).module()
    first, state = run(words[:1], state)
    second, _ = run(words[1:], state)
    assert torch.allclose(torch.cat([first, second]), wanted, atol=1e-6)


def test_a_network_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    linear = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(linear.weight, torch.nan)
    bad = ExportedNetwork(linear, {"input": (0,)}, ("y",), [(torch.rand(2, 2),)], {})
    with pytest.raises(NaspError, match="would differ from the network's by nan"):
        write_exported(tmp_path / "a.pt2", bad)
    assert not list(tmp_path.iterdir())


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NaspError, match=r"unknown suffix of output: '\.pb'"):
        cnn_export.main(["--output", "a.pb"])
    with pytest.raises(NaspError, match="there is no folder"):
        rnn_export.main(["--output", str(tmp_path / "none" / "a.pt2")])
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    nothing = ExportedNetwork(torch.nn.Identity(), {}, (), (), {})
    with pytest.raises(NaspError, match="needs onnxscript: pip install"):
        write_exported(tmp_path / "a.onnx", nothing)
