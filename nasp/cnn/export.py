"""`nasp export cnn`: a trained network as a file that other programs run."""

import torch
from torch import Tensor, nn

from nasp.cnn.config import ExportConfig
from nasp.cnn.model_file import TrainedNetwork, load_network
from nasp.runs.export import ExportedNetwork, write_exported


class PixelClassifier(nn.Module):
    """A trained network on pixels from 0 to 1, which it normalises.

    Args:
        trained: The network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network.eval()
        for name in ("mean", "std"):
            values = torch.tensor(getattr(trained.normalise, name))
            self.register_buffer(name, values[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of RGB pixels `(batch, 3, height, width)`."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)[0]
        return logits


def exported_network(trained: TrainedNetwork) -> ExportedNetwork:
    """Return a trained network, in float32, with what its file needs."""
    random, size = torch.Generator().manual_seed(0), trained.size
    return ExportedNetwork(
        PixelClassifier(trained),
        {"pixels": (0,)},
        ("logits",),
        [(torch.rand(images, 3, size, size, generator=random),) for images in (2, 1, 3)],
        {
            "input": {"pixels": ["batch", 3, size, size], "range": [0, 1], "channels": "RGB"},
            "output": {"logits": ["batch", len(trained.class_names)]},
            "class_names": list(trained.class_names),
            "normalised_inside": {
                "mean": list(trained.normalise.mean),
                "std": list(trained.normalise.std),
            },
            "genotype": trained.network.genotype.to_json(),
        },
    )


def export(config: ExportConfig) -> None:
    """Export a trained network.

    Raises:
        NaspError: The model is damaged, or the file exists or would differ from the network.
    """
    path = config.checked_output()
    difference = write_exported(path, exported_network(load_network(config.model_file)))
    print(f"{path}: the outputs differ from the network's by at most {difference:.1e}")
