"""`Sessions`: the periods in which each user has ratings."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from sif.data.store import Table
from sif.data.time_bins import TimeBins


@dataclass(frozen=True, eq=False)
class Sessions:
    """The bins of times in which each user has training ratings.

    What a user likes, and how high the user rates, changes from one to the other (Koren 2009:
    collaborative filtering with temporal dynamics).

    Attributes:
        bins: The bins of times.
        keys: `user * len(bins) + bin` of each session, sorted, int64 `(sessions,)`, with the user's
            position among the training ids.
    """

    bins: TimeBins
    keys: np.ndarray

    @classmethod
    def fit(cls, bins: TimeBins, users: np.ndarray, train: Table) -> Self:
        """Find the sessions of training ratings.

        Args:
            bins: The bins.
            users: Position of each rating's user, `(ratings,)`.
            train: The ratings, with times.
        """
        return cls(bins, np.unique(users.astype(np.int64) * len(bins) + bins.codes(train)))

    def __len__(self) -> int:
        return len(self.keys)

    def positions(self, users: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the session of each rating, int64 `(ratings,)`; `len(self)` if there is none.

        Args:
            users: Position of each rating's user, -1 for an unknown one, `(ratings,)`.
            codes: The bin of each rating's time, `(ratings,)`.
        """
        keys = users.astype(np.int64) * len(self.bins) + codes
        found = np.searchsorted(self.keys, keys)
        there = self.keys[np.minimum(found, len(self) - 1)] == keys
        return np.where(there & (users >= 0), found, len(self))

    def moved(self, places: np.ndarray) -> Self:
        """Return the same sessions with other positions of the users, in the same order.

        Args:
            places: The new position of each user, rising, `(users,)`.
        """
        users, codes = np.divmod(self.keys, len(self.bins))
        return replace(self, keys=places[users].astype(np.int64) * len(self.bins) + codes)

    def state_dict(self) -> dict[str, Any]:
        """Return the sessions as what `torch.load(weights_only=True)` accepts."""
        keys = torch.from_numpy(self.keys)
        return {"edges": list(self.bins.edges), "dated": self.bins.dated, "keys": keys}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Self:
        """Make sessions from the result of `state_dict`."""
        bins = TimeBins(tuple(state["edges"]), state["dated"])
        return cls(bins, state["keys"].cpu().numpy())
