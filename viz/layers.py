"""The summary of a graph of any size: a block for every layer, or where no scopes are, for every range of depths."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from math import hypot, sqrt
from typing import NamedTuple

from scalargrad import Value, topological_order
from viz.graph import LEAVES, after_backward, in_scope

MOST_BLOCKS = 10
BANDS = 6  # of depths, where no scopes tell what belongs together
OF_LEAVES = {"input": "inputs", "parameter": "parameters", "target": "targets"}  # the blocks of leaves without a scope


class Flow(NamedTuple):
    """What one block takes from another: how many values, and the root mean square of the gradients that flow back."""

    source: Block
    target: Block
    values: int
    rms: float | None


@dataclass(eq=False)
class Block:
    """Scalars that belong together, in topological order.

    >>> Block("layer 1", [Value(3.0)]).role
    'input'
    """

    name: str
    values: list[Value] = field(default_factory=list)
    holds_root: bool = False

    @property
    def role(self) -> str:
        """The role that the block is painted in."""
        if self.holds_root:
            return "output"
        if any(value._prev for value in self.values):
            return "computed"
        return next((value.role for value in self.values if value.role in LEAVES), "input")

    @property
    def parameters(self) -> list[Value]:
        """The parameters in the block."""
        return [value for value in self.values if not value._prev and value.role == "parameter"]

    @property
    def operations(self) -> list[tuple[str, int]]:
        """The operations in the block, and how many of each, the most frequent first."""
        return Counter(value._op for value in self.values if value._prev).most_common()

    @property
    def neurons(self) -> int:
        """How many scopes inside the block hold parameters."""
        return len({value.scope for value in self.parameters if value.scope})


class Summary:
    """A graph as blocks, and the flows between them.

    >>> import scalargrad
    >>> model = scalargrad.nn.MLP(2, [3, 1])
    >>> [block.name for block in Summary(model([1.0, 2.0])).blocks]
    ['inputs', 'layer 1', 'output layer']

    scope  sum up only what was made in a scope, and what comes in from outside
    depth  sum up only what lies so many operations back from the roots
    """

    def __init__(self, *roots: Value, scope: str | None = None, depth: int | None = None) -> None:
        self.roots = roots
        self.order = topological_order(*roots)
        self.after_backward = after_backward(self.order, roots)
        self.values = self._chosen(scope, depth)
        keys = self._by_scope() if any(value.scope for value in self.values) else self._by_depth()
        self._place_constants(keys)
        self.block_of = self._blocks(keys)
        computed = (self.block_of[value] for value in self.values if value._prev)
        blocks = dict.fromkeys(self.block_of.values())
        self.blocks = [block for block in blocks if not block.operations] + list(dict.fromkeys(computed))
        for root in roots:
            if root in self.block_of:
                self.block_of[root].holds_root = True
        self.flows = self._flows()

    def _chosen(self, scope: str | None, depth: int | None) -> list[Value]:
        chosen = self.order
        if depth is not None:
            near, level = set(self.roots), set(self.roots)
            for _ in range(depth):
                level = {parent for value in level for parent in value._prev} - near
                near |= level
            chosen = [value for value in chosen if value in near]
        if scope is not None:
            inside = set(in_scope(chosen, scope))
            coming_in = {parent for value in inside for parent in value._prev}
            chosen = [value for value in chosen if value in inside or value in coming_in]
        return chosen

    def _by_scope(self) -> dict[Value, str]:
        scopes = {value.scope for value in self.order if value.scope and (value._prev or value.role == "parameter")}
        shared = 0  # outer scopes that hold all that has a scope tell nothing apart
        while len({scope[: shared + 1] for scope in scopes}) == 1 and min(map(len, scopes)) > shared + 1:
            shared += 1
        keys: dict[Value, str] = {}
        stage: dict[Value, int] = {}  # the last layer that a value without a scope comes after
        numbers: dict[str, int] = {}
        for value in self.values:
            leaf = OF_LEAVES.get(value.role or "input") if not value._prev else None
            if value.scope[shared:] and (value._prev or value.role in ("parameter", "")):
                keys[value] = value.scope[shared]
                stage[value] = numbers.setdefault(keys[value], len(numbers)) if value._prev else -1
            elif leaf:
                keys[value] = leaf
            elif value._prev:
                stage[value] = max((stage.get(parent, -1) for parent in value._prev), default=-1)
                keys[value] = f"\0{stage[value]}"  # no layer's name
        return keys

    def _by_depth(self) -> dict[Value, str]:
        depth: dict[Value, int] = {}
        for value in self.values:
            depth[value] = 1 + max((depth.get(parent, 0) for parent in value._prev), default=-1)
        sizes = sorted(Counter(d for d in depth.values() if d).items())
        total, seen = sum(size for _, size in sizes), 0
        band: dict[int, int] = {}
        for d, size in sizes:
            band[d] = min(int(BANDS * (seen + size / 2) / total), BANDS - 1)
            seen += size
        names = {}
        for _, ds in groupby(band, key=lambda d: band[d]):
            within = list(ds)
            name = f"depth {within[0]:,}" + (f" to {within[-1]:,}" if len(within) > 1 else "")
            names.update(dict.fromkeys(within, name))
        keys = {}
        for value in self.values:
            if depth[value]:
                keys[value] = names[depth[value]]
            elif value.role != "constant":
                keys[value] = OF_LEAVES.get(value.role, "leaves")
        return keys

    def _place_constants(self, keys: dict[Value, str]) -> None:
        for child in self.values:
            for parent in child._prev:
                if parent not in keys and child in keys:
                    keys[parent] = keys[child]
        for value in self.values:
            keys.setdefault(value, "constants")

    def _blocks(self, keys: dict[Value, str]) -> dict[Value, Block]:
        names = list(dict.fromkeys(keys[value] for value in self.values))
        layers = [name for name in names if name not in (*OF_LEAVES.values(), "leaves")]
        size = -(-len(layers) // MOST_BLOCKS)
        blocks = {name: Block(name) for name in names}
        for i in range(0, len(layers), size) if size > 1 else ():
            together = layers[i : i + size]
            block = Block(f"{together[0]} … {together[-1]}" if len(together) > 1 else together[0])
            blocks.update(dict.fromkeys(together, block))
        block_of = {}
        for value in self.values:
            block_of[value] = block = blocks[keys[value]]
            block.values.append(value)
        for block in blocks.values():
            if block.name.startswith("\0"):
                ends = [root for root in self.roots if block_of.get(root) is block]
                block.name = (str(ends[0].label) or "output") if len(ends) == 1 else "computed"
        return block_of

    def _flows(self) -> list[Flow]:
        shares: dict[tuple[Block, Block], dict[Value, float]] = defaultdict(lambda: defaultdict(float))
        for child in self.values:
            into = self.block_of[child]
            locals_ = None
            for i, parent in enumerate(child._prev):
                source = self.block_of.get(parent)
                if source is not None and source is not into and parent.role != "constant":
                    locals_ = locals_ or child.local_gradients
                    shares[source, into][parent] += locals_[i] * child.grad
        return [
            Flow(source, into, len(share), rms(share.values()) if self.after_backward else None)
            for (source, into), share in shares.items()
        ]


def rms(numbers: Iterable[float]) -> float:
    """Return the root mean square of numbers, without overflow.

    >>> rms([3.0, 4.0, 0.0, 0.0])
    2.5
    """
    numbers = list(numbers)
    return hypot(*numbers) / sqrt(len(numbers)) if numbers else 0.0
