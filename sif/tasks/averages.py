"""Weights of an average of several models, which validation chooses."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate

from torch import Tensor

ADDED = 6  # models that are added to an average one after the other, each with weight 1


def best_weights(
    predictions: Mapping[str, Tensor], value: Callable[[Tensor], float], gain: float
) -> dict[str, int]:
    """Return the weights of the average whose value is best, by name.

    It starts as the best of the averages with equal weights of the best model, of the best two, and
    so on. Then `ADDED` times the model is added, possibly one that it has, with which its value is
    best, and the best average of all steps is taken (Caruana et al., ICML 2004). The result has one
    entry if no average is better than the best model.

    Args:
        predictions: The predictions of each model, by name.
        value: The value of the mean of predictions; larger is better.
        gain: Smallest gain over the best model, relative to its value; smaller ones are often
            chance.
    """
    alone = {name: value(found) for name, found in predictions.items()}
    order = sorted(alone, key=alone.__getitem__, reverse=True)
    sums = list(accumulate(predictions[name] for name in order))
    values = [alone[order[0]]]
    values += [value(total / count) for count, total in enumerate(sums[1:], start=2)]
    start = max(range(len(order)), key=values.__getitem__)
    weights, total, best = Counter(order[: start + 1]), sums[start], values[start]
    answer = dict(weights)
    for count in range(start + 2, start + 2 + ADDED):
        tried = {name: value((total + predictions[name]) / count) for name in order}
        name = max(tried, key=tried.__getitem__)
        weights[name] += 1
        total = total + predictions[name]
        if tried[name] > best:
            best, answer = tried[name], dict(weights)
    return answer if best > values[0] + gain * abs(values[0]) else {order[0]: 1}
