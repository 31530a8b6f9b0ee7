"""Export of the embeddings of users, items and other entities as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nasp.errors import NaspError
from sif.models.click import FUNCTION as NETWORK
from sif.models.click import ClickModel
from sif.models.file import Model
from sif.models.function_ranker import FunctionRanker
from sif.models.rating import InteractionModel


def embeddings_table(model: Model) -> pd.DataFrame:
    """Return the embeddings of a model's ids, encoded as its function gets them.

    Returns:
        A row for each id of each entity. Columns: `entity`, the name of the ids' column in
        training; `id`, as text; and `embedding_0`, … . With several terms, those of the first come
        first. Of samples from a posterior it is the mean.

    Raises:
        NaspError: The model has no embeddings, for example popularity.
    """
    values = torch.cat(list(_encodings(model))).detach().cpu().numpy()
    names = [f"embedding_{number}" for number in range(values.shape[1])]
    entities, ids = model.encoder.columns, model.encoder.ids
    found = pd.DataFrame(values, columns=names)
    found.insert(0, "entity", np.repeat(np.array(entities, object), [len(one) for one in ids]))
    found.insert(1, "id", [str(value) for one in ids for value in one])
    return found


@torch.no_grad()
def _encodings(model: Model) -> Sequence[Tensor]:
    """Return the embeddings of each entity's ids, `(ids, width)`."""
    if isinstance(model, ClickModel):
        if model.answer != NETWORK:
            raise NaspError(f"{model.answer} has no embeddings: export a model that has a function")
        embeddings = model.network.embeddings
        tables = torch.split(embeddings.table, list(embeddings.sizes))
        return [table[:-1, : embeddings.dim] for table in tables]  # the last row is of unknown ids
    if isinstance(model, InteractionModel):
        network = model.network
        if network is None:
            raise NaspError("biases have no embeddings: export a model that has a function")
        return network.encodings()
    for member in model.members:
        if isinstance(member.ranker, FunctionRanker):
            terms = member.ranker.terms
            return [
                torch.cat([term.users for term in terms], 1),
                torch.cat([term.items for term in terms], 1),
            ]
    names = ", ".join(member.kind for member in model.members)
    raise NaspError(f"{names} has no embeddings: export a model that has a function")
