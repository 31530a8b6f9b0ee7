"""Weights of an average of several models, which validation chooses."""

from collections import Counter
from collections.abc import Callable, Mapping

from torch import Tensor

ROUNDS = 6  # most additions to an average
FIRST = 2  # weight of the best model when others are added, with weight 1 each time


def best_weights(
    predictions: Mapping[str, Tensor], value: Callable[[Tensor], float], gain: float
) -> dict[str, int]:
    """Return the weights of the average whose value is best, by name.

    Models are added to the best one while an addition raises the value; a model may be added
    several times (Caruana et al., ICML 2004). The result has one entry if no average is better
    than its best member.

    Args:
        predictions: The predictions of each model, by name.
        value: The value of the mean of predictions; larger is better.
        gain: Smallest gain of an addition, relative to the value; smaller ones are often chance.
    """
    values = {name: value(found) for name, found in predictions.items()}
    first = max(values, key=values.__getitem__)
    weights, total, best = Counter({first: FIRST}), FIRST * predictions[first], values[first]
    for count in range(FIRST + 1, FIRST + 1 + ROUNDS):
        tried = {name: value((total + found) / count) for name, found in predictions.items()}
        name = max(tried, key=tried.__getitem__)
        if tried[name] <= best + gain * abs(best):
            break
        weights[name] += 1
        total, best = total + predictions[name], tried[name]
    return dict(weights)
