"""NAO's encoder, predictor and decoder of architectures (Luo et al., 2018)."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nasp.samplers.tokens import Tokens


class AutoEncoder:
    """Maps architectures to continuous codes and back, and predicts scores from codes.

    The encoder is an LSTM. The code of an architecture is its outputs at all tokens, each of unit
    length. The predictor reads their mean: a layer of tanh, then a sigmoid. The decoder is an LSTM
    that starts from the code's last vector, and attends to all of the code at each token.

    Args:
        tokens: The steps of the sequences, at least one.
        units: Length of embeddings and of a code's vectors.
        generator: Source of the start weights, on the CPU.
    """

    def __init__(self, tokens: Tokens, units: int, generator: torch.Generator) -> None:
        self.tokens = tokens
        largest = units**-0.5

        def drawn(*shape: int) -> Tensor:
            values = torch.empty(shape).uniform_(-largest, largest, generator=generator)
            return values.requires_grad_()

        lstm = (4 * units, units), (4 * units, units), (4 * units,), (4 * units,)
        self._embeddings = drawn(tokens.embeddings, units)
        self._encoder, self._decoder = ([drawn(*shape) for shape in lstm] for _ in range(2))
        self._hidden, self._value = drawn(units + 1, units), drawn(units + 1, 1)
        self._head = drawn(2 * units + 1, tokens.embeddings)
        self._first = torch.tensor([step.first for step in tokens.steps])
        ends = self._first + torch.tensor([step.size for step in tokens.steps])
        every = torch.arange(tokens.embeddings)
        self._own = (every >= self._first[:, None]) & (every < ends[:, None])

    def parameters(self) -> list[Tensor]:
        """Return all weights."""
        own = [self._embeddings, self._hidden, self._value, self._head]
        return [*own, *self._encoder, *self._decoder]

    def encode(self, tokens: Tensor) -> Tensor:
        """Return the codes of architectures.

        Args:
            tokens: Their tokens, int64 `(architectures, steps)`.

        Returns:
            `(architectures, steps, units)`.
        """
        x = self._embeddings[tokens + self._first]
        zeros = torch.zeros(1, len(tokens), x.shape[2])
        return normalize(_lstm(x, (zeros, zeros), self._encoder)[0], dim=2)

    def predict(self, codes: Tensor) -> Tensor:
        """Return predicted scores, from 0 to 1 for the best, `(architectures,)`."""
        hidden = _affine(codes.mean(1), self._hidden).tanh()
        return _affine(hidden, self._value)[:, 0].sigmoid()

    def move(self, codes: Tensor, step: float) -> Tensor:
        """Move all vectors of codes by `step` along the gradient of the predicted score."""
        leaf = codes.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.predict(leaf).sum(), leaf)
        return codes.detach() + step * normalize(gradient, dim=2, eps=1e-30)

    def losses(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what training reduces.

        Args:
            tokens: Tokens of architectures, int64 `(architectures, steps)`.
            targets: Their scores, scaled to 0–1, `(architectures,)`.

        Returns:
            The mean squared error of the predicted scores, and the mean cross-entropy of a token,
            given those before it and the code.
        """
        codes = self.encode(tokens)
        before = torch.cat([torch.zeros_like(tokens[:, :1]), (tokens + self._first)[:, :-1]], 1)
        logits = self._logits(before, codes, _start(codes))[0]
        logits = logits.masked_fill(~self._own, -torch.inf)
        entropy = -logits.log_softmax(2).gather(2, (tokens + self._first)[..., None]).mean()
        return (self.predict(codes) - targets).square().mean(), entropy

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Return the architectures of codes; each token is the likeliest after those before it.

        Returns:
            Their tokens, int64 `(architectures, steps)`.
        """
        before, state = torch.zeros(len(codes), 1, dtype=torch.int64), _start(codes)
        chosen: list[Tensor] = []
        for step in self.tokens.steps:
            logits, state = self._logits(before, codes, state)
            own = logits[:, 0, step.first : step.first + step.size]
            chosen.append(self.tokens.without_kept(own, chosen).argmax(1))
            before = (step.first + chosen[-1])[:, None]
        return torch.stack(chosen, 1)

    def _logits(
        self, before: Tensor, codes: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits of all embeddings, given the embedding of the token before each."""
        outputs, state = _lstm(self._embeddings[before], state, self._decoder)
        context = (outputs @ codes.mT).softmax(2) @ codes
        return _affine(torch.cat([outputs, context], 2), self._head), state


def _affine(x: Tensor, weights: Tensor) -> Tensor:
    return x @ weights[:-1] + weights[-1]


def _start(codes: Tensor) -> tuple[Tensor, Tensor]:
    last = codes[:, -1][None].contiguous()
    return last, last


def _lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weights: list[Tensor]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run an LSTM of one layer over `(sequences, steps, units)`."""
    outputs, hidden, cell = torch.lstm(x, state, weights, True, 1, 0.0, False, False, True)
    return outputs, (hidden, cell)
