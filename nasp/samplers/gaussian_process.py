"""Bayesian optimisation by a Gaussian process whose kernel compares architectures."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasp.cli.option_checks import check_not_negative, check_positive, check_types
from nasp.core.decision import Decision
from nasp.samplers.base import SPREAD, Proposal, Sampler
from nasp.samplers.slots import Architectures, Slots
from nasp.samplers.trial import Trial

MATCHES = (0.6, 1.2, 2.4, 4.8)  # how fast similarity falls with the share of pairs that differ
COUNTS = (0.2, 0.6, 1.8)  # and with the squared difference of the numbers of operations
SHARES = (0.3, 0.6, 0.9)  # weight of the kernel of pairs against that of the numbers
NOISES = (0.03, 0.1, 0.3)  # variance of the noise against that of the process
OFFSETS = 0.1  # how fast similarity falls with the mean squared distance of offsets, in SPREAD²
EVERY = 10  # trials between two choices of these numbers, at least
SHAKES = (0.0, 0.3, 1.0)  # noise of a mutant's offsets, in SPREAD


@dataclass(frozen=True)
class GaussianProcessOptions:
    """Options of the Gaussian process.

    Attributes:
        startup: Number of random trials before the first model.
        parents: Number of the best trials that are mutated.
        mutants: Number of mutants of them, each by one to three mutations, from which a proposal is
            chosen.
        random: Number of random architectures, from which it is chosen as well.
    """

    startup: int = 10
    parents: int = 10
    mutants: int = 300
    random: int = 100

    def __post_init__(self) -> None:
        check_types(self)
        check_positive(self, "startup", "parents", "mutants")
        check_not_negative(self, "random")


class GaussianProcess(Sampler):
    """Proposes the mutant of a good trial, or random architecture, of largest expected improvement.

    The method is that of BANANAS (White et al., AAAI 2021, arXiv 1910.11858): a model ranks mutants
    of the best trials. The model is a Gaussian process in place of an ensemble of networks. Its
    kernel is a sum of two: one falls with the share of kept `(edge, operation)` pairs and edges in
    which two architectures differ, the other with the difference of how often they have each
    operation, wherever it is. Both are multiplied by a kernel of the offsets. The parameters of the
    kernel have the largest likelihood on a grid. Scores are replaced by the normal quantiles of
    their ranks, so their unit and outliers do not matter, and failed trials are the worst.

    Architectures are proposed once, as long as there are new ones among the candidates. Trials that
    have not ended yet are not in the model.
    """

    Options: ClassVar[type[GaussianProcessOptions]] = GaussianProcessOptions
    options: GaussianProcessOptions

    def prepare(self) -> None:
        self._slots = Slots(self.decisions, self.generator)
        self._kernel = Kernel(self.decisions, self._slots)
        fixed = torch.Generator().manual_seed(0)
        self._codes = torch.randint(1 << 62, (self._slots.pairs,), generator=fixed)
        self._known: set[int] = set()  # the codes of all proposals
        self._features: list[Tensor] = []  # of each trial that has ended
        self._told: list[Architectures] = []
        self._offsets: list[Tensor] = []
        self._scores: list[float] = []
        self._fitted = 0

    def propose(self, number: int) -> Proposal:
        if len(self._scores) < self.options.startup:
            one, offsets = self._slots.draw(1), self._noise(1)
        else:
            one, offsets = self._best_candidate()
        if not self.continuous:
            self._known.add(int(self._coded(one)))
        return self._slots.choices(one), tuple(offsets[0].tolist())

    def learn(self, trial: Trial) -> None:
        one = self._slots.of(trial.choices)
        self._told.append(one)
        self._features.append(self._kernel.features(one))
        self._offsets.append(torch.tensor([trial.offsets], dtype=torch.float64))
        self._scores.append(trial.score)

    def _best_candidate(self) -> tuple[Architectures, Tensor]:
        """Return the candidate of largest expected improvement, and its offsets."""
        some, offsets = self._candidates()
        if not self.continuous:
            codes = self._coded(some).tolist()
            new = [i for i, code in enumerate(codes) if code not in self._known]
            if new:
                which = torch.tensor(new)
                some, offsets = some[which], offsets[which]
        targets = normal_ranks(torch.tensor(self._scores, dtype=torch.float64))
        features, moved = torch.cat(self._features), torch.cat(self._offsets)
        if not self._fitted or len(targets) >= self._fitted + max(EVERY, self._fitted // 10):
            self._kernel.fit(features, moved, targets)
            self._fitted = len(targets)
        between = self._kernel(features, moved, self._kernel.features(some), offsets)
        own = self._kernel(features, moved, features, moved)
        factor = torch.linalg.cholesky(own + self._kernel.noise * torch.eye(len(own)))
        alpha = torch.linalg.solve_triangular(factor, targets[:, None], upper=False)
        half = torch.linalg.solve_triangular(factor, between, upper=False)
        mean = (half.T @ alpha)[:, 0]
        variance = alpha.square().mean() * (1 - half.square().sum(0)).clamp(min=1e-9)
        best = int(expected_improvement(mean, variance.sqrt(), targets.max()).argmax())
        which = torch.tensor([best])
        return some[which], offsets[which]

    def _candidates(self) -> tuple[Architectures, Tensor]:
        count, scores = self.options.mutants, torch.tensor(self._scores)
        best = scores.argsort(stable=True)[: self.options.parents]
        drawn = best[torch.randint(len(best), (count,), generator=self.generator)]
        edges = torch.cat([self._told[i].edges for i in best.tolist()])
        operations = torch.cat([self._told[i].operations for i in best.tolist()])
        position = {trial: row for row, trial in enumerate(best.tolist())}
        rows = torch.tensor([position[trial] for trial in drawn.tolist()])
        mutants = self._slots.mutate(Architectures(edges[rows], operations[rows]))
        for share in (0.5, 0.25):
            again = torch.rand(count, generator=self.generator) < share
            more = self._slots.mutate(mutants)
            mutants = Architectures(
                torch.where(again[:, None], more.edges, mutants.edges),
                torch.where(again[:, None], more.operations, mutants.operations),
            )
        some = mutants.and_also(self._slots.draw(self.options.random))
        shakes = torch.tensor(SHAKES, dtype=torch.float64)
        drawn_shakes = shakes[torch.randint(len(SHAKES), (count, 1), generator=self.generator)]
        offsets = torch.cat([self._offsets[i] for i in best.tolist()])[rows]
        offsets = offsets + drawn_shakes * self._noise(count)
        return some, torch.cat([offsets, self._noise(self.options.random)])

    def _noise(self, count: int) -> Tensor:
        shape = (count, self.continuous)
        return SPREAD * torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def _coded(self, some: Architectures) -> Tensor:
        """Return a number for each architecture, int64; equal numbers mean equal architectures."""
        return self._slots.present(some).long() @ self._codes


class Kernel:
    """Similarity of architectures, 1 for equal ones.

    Args:
        decisions: The decisions of the space.
        slots: Their slots.

    Attributes:
        noise: Variance of the noise against that of the process.
    """

    def __init__(self, decisions: tuple[Decision, ...], slots: Slots) -> None:
        self._slots = slots
        names = list(dict.fromkeys(name for d in decisions for name in d.operations))
        pairs: list[Tensor] = []
        edges: list[Tensor] = []
        counts: list[Tensor] = []
        for d in decisions:
            size, kinds = d.shape
            pairs.append(torch.eye(size * kinds, dtype=torch.float64) / d.keep**0.5)
            of = torch.eye(size, dtype=torch.float64).repeat_interleave(kinds, 0) / d.keep**0.5
            edges.append(of if size > 1 and kinds > 1 else of[:, :0])
            columns = torch.tensor([names.index(name) for name in d.operations])
            counts.append(torch.eye(len(names), dtype=torch.float64)[columns].repeat(size, 1))
        blocks = [torch.block_diag(*parts) for parts in (pairs, edges)]  # type: ignore[no-untyped-call]
        matches = torch.cat(blocks, dim=1)
        self._matched = matches.shape[1]
        self._most = float(len(decisions) + sum(part.shape[1] > 0 for part in edges))
        self._slot_count = len(slots.decision_of)
        self._map = torch.cat([matches, torch.cat(counts)], dim=1)
        self.match, self.count, self.share, self.noise = 1.2, 0.6, 0.6, 0.1

    def features(self, some: Architectures) -> Tensor:
        """Return what the kernel compares, float64 `(architectures, features)`."""
        return self._slots.present(some) @ self._map

    def distances(self, a: Tensor, x: Tensor, b: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        """Return the distances of matches, of counts and of offsets, each `(len(a), len(b))`."""
        shared = a[:, : self._matched] @ b[:, : self._matched].T
        counts = torch.cdist(a[:, self._matched :], b[:, self._matched :]).square()
        moved = torch.zeros_like(shared)
        if x.shape[1]:
            moved = torch.cdist(x, y).square() / (SPREAD**2 * x.shape[1])
        return 1 - shared / self._most, counts / self._slot_count, moved

    def __call__(self, a: Tensor, x: Tensor, b: Tensor, y: Tensor) -> Tensor:
        """Return the similarity of architectures, `(len(a), len(b))`.

        Args:
            a: Features of some architectures.
            x: Their offsets, `(len(a), continuous)`.
            b: Features of others.
            y: Their offsets.
        """
        matches, counts, moved = self.distances(a, x, b, y)
        share = self.share
        sums = share * (-self.match * matches).exp() + (1 - share) * (-self.count * counts).exp()
        return sums * (-OFFSETS * moved).exp()

    def fit(self, features: Tensor, offsets: Tensor, targets: Tensor) -> None:
        """Set the parameters that make the targets most likely, the variance fitted as well.

        The log-likelihood is `-n/2 · log(yᵀ C⁻¹ y / n) - ½ log |C|` up to a constant, for the
        kernel's matrix `C`, with noise.
        """
        matches, counts, moved = self.distances(features, offsets, features, offsets)
        eye, n = torch.eye(len(targets), dtype=torch.float64), len(targets)
        best = -torch.inf
        for match in MATCHES:
            near = (-match * matches).exp()
            grid = [(c, s, z) for c in COUNTS for s in SHARES for z in NOISES]
            c, s, z = (
                torch.tensor(v, dtype=torch.float64)[:, None, None] for v in zip(*grid, strict=True)
            )
            sums = (s * near + (1 - s) * (-c * counts).exp()) * (-OFFSETS * moved).exp() + z * eye
            factor = torch.linalg.cholesky(sums)
            alpha = torch.linalg.solve_triangular(
                factor, targets[:, None].expand(len(grid), -1, -1), upper=False
            )
            logdet = factor.diagonal(dim1=1, dim2=2).log().sum(1)
            squares = alpha.square().sum((1, 2)).clamp(min=1e-12)
            likelihood = -0.5 * n * (squares / n).log() - logdet
            top = int(likelihood.argmax())
            if float(likelihood[top]) > best:
                best, self.match = float(likelihood[top]), match
                self.count, self.share, self.noise = grid[top]


def normal_ranks(scores: Tensor) -> Tensor:
    """Return the standard normal quantiles of ranks; the smallest score has the largest.

    Args:
        scores: Scores, infinite for failed trials, `(trials,)`. Equal scores have equal ranks.
    """
    above = (scores[None, :] > scores[:, None]).sum(1)
    equal = (scores[None, :] == scores[:, None]).sum(1)
    ranks: Tensor = torch.special.ndtri((above + 0.5 * equal).double() / len(scores))
    return ranks


def expected_improvement(mean: Tensor, deviation: Tensor, best: Tensor) -> Tensor:
    """Return the expected improvement on `best` of normal variables (Mockus, 1978)."""
    u = (mean - best) / deviation
    density = (-0.5 * u.square()).exp() / (2 * torch.pi) ** 0.5
    improvement: Tensor = deviation * (u * torch.special.ndtr(u) + density)
    return improvement
