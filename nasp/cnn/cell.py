"""What all cells with chosen operations have in common."""

from torch import Tensor, nn

from nasp.cnn.genotype import CellPlan


class Cell(nn.Module):
    """Sums the chosen operations of each node.

    Attributes:
        plan: The nodes.
        operations: The operations of all nodes, in the order of the plan.
    """

    plan: CellPlan
    operations: nn.ModuleList

    def states(self, inputs: list[Tensor], keep: Tensor | None) -> list[Tensor]:
        """Return the inputs and all nodes, each `(batch, channels, height, width)`.

        Args:
            inputs: The cell's inputs.
            keep: Factors on the operations' results, `(operations, batch)`, except for identities;
                see `drop_path`.
        """
        states = list(inputs)
        operations = enumerate(self.operations)
        for node in self.plan.nodes:
            terms = []
            for (source, _), (position, op) in zip(node, operations, strict=False):
                value = op(states[source])
                if keep is not None and not isinstance(op, nn.Identity):
                    value = value * keep[position].to(value.dtype)[:, None, None, None]
                terms.append(value)
            states.append(sum(terms[1:], terms[0]))
        return states
