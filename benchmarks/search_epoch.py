"""Time of a search epoch in the interaction space against a plain PyTorch version of it.

Both do the same work on the same ratings, in the paper's configuration. For each batch of 512 they
take an architecture step on a validation batch and a weight step on a training batch, with clipped
gradients, and after the epoch they compute the validation RMSE of the discrete network. The plain
version is the straightforward one: `nn.Embedding` for each entity, an `nn.Sequential` as the MLP,
every candidate under autograd in both steps, all gradients, default optimisers. Both slice batches
from shuffled tensors, so no data loader is measured.

    python benchmarks/search_epoch.py --data movielens
"""

import argparse
from collections.abc import Callable

import torch
from rating_searches import ALONE
from timing import medians, seconds
from torch import Tensor, nn

from nasp.core.projection import prox_c1
from nasp.registry import class_and_options
from nasp.runs.context import RunContext
from nasp.search.one_shot import one_shot_search
from sif.data import load_ratings, split_ratings
from sif.data.search_data import SearchData
from sif.nn.operations import functions
from sif.options import SearchOptions
from sif.tasks.rating import RatingTask

ROUNDS, EPOCHS = 7, 3


class Plain(nn.Module):
    """A straightforward version of the interaction space."""

    def __init__(self, users: int, items: int, dim: int) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(users, dim), nn.Embedding(items, dim)
        self.user_mlp = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self.item_mlp = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self.heads = nn.ModuleDict(
            {name: nn.Linear(f.width(dim), 1, bias=False) for name, f in functions(2).items()}
        )
        self.a = nn.Parameter(0.5 + 1e-3 * torch.randn(1, len(self.heads)))

    def forward(self, user: Tensor, item: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, v = self.users(user), self.items(item)
        p = self.user_mlp(u.reshape(-1, 1)).view_as(u)
        q = self.item_mlp(v.reshape(-1, 1)).view_as(v)
        met = {
            "plus": p + q,
            "multiply": p * q,
            "max": torch.max(p, q),
            "min": torch.min(p, q),
            "concat": torch.cat([p, q], dim=1),
        }
        outputs = [self.heads[name](vector) for name, vector in met.items()]
        return (torch.cat(outputs, dim=1) * a).sum(dim=1), u, v

    def loss(self, user: Tensor, item: Tensor, rating: Tensor, a: Tensor) -> Tensor:
        prediction, u, v = self(user, item, a)
        return nn.functional.mse_loss(prediction, rating) + 1e-5 * (u.norm() + v.norm())


def plain_epoch(data: SearchData, options: SearchOptions) -> Callable[[], None]:
    """Return a function that runs an epoch of the plain version."""
    users, items = data.encoder.sizes
    model = Plain(users, items, options.embedding_dim)
    architecture = [model.a, *model.user_mlp.parameters(), *model.item_mlp.parameters()]
    known = {id(p) for p in architecture}
    weights = [p for p in model.parameters() if id(p) not in known]
    slow = torch.optim.Adam(
        architecture, lr=class_and_options(options, "strategy")[1].learning_rate
    )
    fast = torch.optim.Adagrad(weights, lr=options.learning_rate)
    parts = [(*d.rows.long(), d.ratings) for d in (data.train, data.valid)]
    train, valid = ((user, item - users, rating) for user, item, rating in parts)
    size = options.batch_size

    def epoch() -> None:
        order = torch.randperm(len(train[2]))
        other = torch.randint(len(valid[2]), (len(train[2]),))
        for start in range(0, len(order), size):
            batch, check = order[start : start + size], other[start : start + size]
            discrete = prox_c1(model.a.detach()).requires_grad_()
            slow.zero_grad()
            model.loss(*(x[check] for x in valid), discrete).backward()
            model.a.grad = discrete.grad
            slow.step()
            with torch.no_grad():
                model.a.clamp_(0, 1)
            fast.zero_grad()
            model.loss(*(x[batch] for x in train), prox_c1(model.a.detach())).backward()
            nn.utils.clip_grad_norm_(weights, options.gradient_clip)
            fast.step()
            with torch.no_grad():
                for head in model.heads.values():
                    head.weight.div_(head.weight.norm().clamp(min=1))
        with torch.no_grad():
            prediction, _, _ = model(valid[0], valid[1], prox_c1(model.a))
            nn.functional.mse_loss(prediction, valid[2]).sqrt().item()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="movielens")
    parser.add_argument("--embedding_dim", type=int, nargs="+", default=[2, 8])
    arguments = parser.parse_args()
    parts = split_ratings(load_ratings(arguments.data), seed=1)
    data = SearchData.from_splits(parts.train, parts.valid)
    print(
        f"median of {ROUNDS} times {EPOCHS} epochs, alternating, {torch.get_num_threads()} threads"
    )
    for dim in arguments.embedding_dim:
        options = SearchOptions(
            embedding_dim=dim,
            biases=False,
            penalty="norm",
            weight_decay=1e-5,
            learning_rate=0.05,
            gradient_clip=5.0,
            warm_up=0,
            epochs=EPOCHS,
            **ALONE,
        )
        plain, task = plain_epoch(data, options), RatingTask(data, options)
        methods: dict[str, Callable[[], object]] = {
            "plain": lambda plain=plain: [plain() for _ in range(EPOCHS)],
            "ours": lambda task=task: one_shot_search("search", task, 0, 1, RunContext()),
        }
        times = medians(
            {name: lambda work=work: (seconds(work) / EPOCHS,) for name, work in methods.items()},
            ROUNDS,
        )
        (eager,), (ours,) = times["plain"], times["ours"]
        print(
            f"embedding_dim {dim}: plain {eager:.3f} s, ours {ours:.3f} s an epoch "
            f"(its evaluation included): {eager / ours:.2f} times faster"
        )


if __name__ == "__main__":
    main()
