"""Downstream of a dim: which dims of later results come of a given dim of an op's result."""

from __future__ import annotations

from typing import NamedTuple

from shapeguard.analysis.calls import call_of_row
from shapeguard.analysis.graph import users_of
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import dim_sources, family, known
from shapeguard.values.recording import Row, TensorArg

_PRODUCTS = frozenset({"matmul", "einsum"})


class Use(NamedTuple):
    """One use of a tensor: the row, the operand, and for each dim of the operand the dim of the result made of it."""

    row: Row
    operand: TensorArg
    onto: dict[int, int]  # a dim that is summed over, or reduced, is left out

    @property
    def gone(self) -> set[int]:
        """Dims of the operand that are not in the result."""
        return set(range(len(self.operand.last))) - set(self.onto)

    @property
    def is_product(self) -> bool:
        """Whether it is a matrix product, which sums over the dims that are gone."""
        return family(self.row.op) in _PRODUCTS and len(self.row.inputs) > 1


def uses(run: Run, row: Row) -> list[Use]:
    """The uses of a row's result whose semantics is known."""
    found = []
    for user in users_of(run, row):
        for operand in user.inputs:
            if (
                operand.origin == row.id
                and row.outputs
                and operand.last == row.outputs[0].last
                and known(user.op)
                and user.outputs
            ):
                found.append(Use(user, operand, _onto(run, user, operand)))
                break
    return found


def _onto(run: Run, user: Row, operand: TensorArg) -> dict[int, int]:
    call = call_of_row(user, built=run.row(user.owner))
    onto: dict[int, int] = {}
    for out in range(len(user.outputs[0].last)):
        for label, dim in dim_sources(user.op, call, out):
            if label == operand.label:
                onto.setdefault(dim, out)
    return onto
