"""The start of a search at the cell with the largest synaptic flow."""

import copy

import pytest
import torch

from nasp.cnn.space import CNNSpace
from nasp.cnn.zero_cost import synflow_cell
from nasp.core.genotype import projection_of
from nasp.core.limit import Limit
from nasp.core.relaxation import Relaxation
from nasp.registry import class_and_options
from tests.nasp.cnn.test_limits import task_of


def space(name="nasbench201"):
    return CNNSpace(name, 3, 4, 3, torch.Generator().manual_seed(1))


def flow(made, choices):
    """Return the sum of the logits of ones, with absolute weights and batch norms left out."""
    made = copy.deepcopy(made).double().eval()
    for parameter in made.parameters():
        parameter.data.abs_()
    path = Relaxation.one_path(projection_of(made.decisions, choices))
    return float(made((torch.ones(1, 3, 8, 8).double(), None), path).sum().detach())


def test_no_other_candidate_has_a_larger_flow():
    made = space()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    choices = synflow_cell(made, 8, torch.Generator().manual_seed(2))
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())
    most = flow(made, choices)
    for decision in made.decisions:
        for operation in decision.operations:
            other = {**choices, decision.name: ((decision.sources[0], operation),)}
            assert flow(made, other) <= most
    assert {pairs[0][1] for pairs in choices.values()} == {"conv_3x3"}


def test_the_start_keeps_the_limits():
    made = space()
    cost = {
        d.name: {(s, k): float(k == "conv_3x3") for s in d.sources for k in d.operations}
        for d in made.decisions
    }
    made.limits = (Limit("convolutions", cost, 2.0),)
    choices = synflow_cell(made, 8, torch.Generator().manual_seed(2))
    assert [pairs[0][1] for pairs in choices.values()].count("conv_3x3") == 2


@pytest.mark.parametrize("strategy", ["nasp", "darts"])
def test_the_first_restart_of_a_search_begins_there(strategy):
    options = {"space": "nasbench201", "start": "synflow", "channels": 4, "layers": 3}
    task = task_of(strategy=strategy, **options)
    for restart in range(2):
        random = task.restart_generator(1, restart)
        chosen, own = class_and_options(task.options, "strategy")
        made = chosen(task.space(random, chosen.dense), random, own)
        task.choose_start(made, restart, 1)
        kept = {pairs[0][1] for pairs in made.genotype().choices.values()}
        assert (kept == {"conv_3x3"}) == (restart == 0)
