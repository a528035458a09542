"""The summary of a graph of any size: a block for every layer; without scopes, for every range of depths."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from math import hypot, sqrt
from typing import NamedTuple

from scalargrad import Value, topological_order
from viz.graph import LEAVES, after_backward, in_scope, within
from viz.text import operation

MOST_BLOCKS = 10
MOST_BANDS = 6  # ranges of depths, where no scopes tell what belongs together
# The names of the blocks of leaves that have no scope, by their role.
LEAF_BLOCKS = {"input": "inputs", "parameter": "parameters", "target": "targets"}

Key = tuple[str, str]  # a kind ("leaves", "layer" or "stage"), and a name


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
        if any(value.parents for value in self.values):
            return "computed"
        return next((value.role for value in self.values if value.role in LEAVES), "input")

    @cached_property
    def parameters(self) -> list[Value]:
        """The parameters in the block."""
        return [value for value in self.values if not value.parents and value.role == "parameter"]

    @cached_property
    def operations(self) -> list[tuple[str, int]]:
        """The operations in the block, and how many of each, the most frequent first."""
        return Counter(operation(value) for value in self.values if value.parents).most_common()

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
        self.block_of = self._blocks(self._keys())
        computed = (self.block_of[value] for value in self.values if value.parents)
        blocks = dict.fromkeys(self.block_of.values())
        self.blocks = [block for block in blocks if not block.operations] + list(dict.fromkeys(computed))
        for root in roots:
            if root in self.block_of:
                self.block_of[root].holds_root = True
        self.flows = self._flows()

    def _chosen(self, scope: str | None, depth: int | None) -> list[Value]:
        chosen = self.order
        if depth is not None:
            near = within(depth, self.roots, lambda value: value.parents)
            chosen = [value for value in chosen if value in near]
        if scope is not None:
            inside = set(in_scope(chosen, scope))
            coming_in = {parent for value in inside for parent in value.parents}
            chosen = [value for value in chosen if value in inside or value in coming_in]
        return chosen

    def _keys(self) -> dict[Value, Key]:
        """Tell for every value what the value belongs to: a kind of leaves, a layer, or a stage between layers."""
        keys: dict[Value, Key] = {}
        stages: dict[Key, list[Value]] = defaultdict(list)
        shared = self._shared_scopes()
        unknown = "inputs" if any(value.parents and value.scope for value in self.values) else "leaves"
        layers: dict[str, int] = {}
        after: dict[Value, int] = {}  # the number of the last layer before a value
        for value in self.values:
            if value.scope[shared:] and (value.parents or value.role in ("parameter", "")):
                name = value.scope[shared]
                keys[value] = ("layer", name)
                if value.parents:
                    after[value] = layers.setdefault(name, len(layers))
            elif value.parents:
                after[value] = max(after.get(parent, -1) for parent in value.parents)
                keys[value] = ("stage", str(after[value]))
                stages[keys[value]].append(value)
            elif value.kind != "constant":
                keys[value] = ("leaves", LEAF_BLOCKS.get(value.role, unknown))
        for stage in stages.values():
            if len(stage) > len(self.values) / 3:  # a third of the graph in one block would tell too little
                keys.update(_by_depth(stage))
        for child in self.values:
            for parent in child.parents:
                if parent.kind == "constant" and child in keys:
                    keys.setdefault(parent, keys[child])
        return {value: keys.get(value, ("leaves", "constants")) for value in self.values}

    def _shared_scopes(self) -> int:
        """Count the outer scopes that all values with a scope share: such scopes tell nothing apart."""
        scopes = {value.scope for value in self.order if value.scope and (value.parents or value.role == "parameter")}
        shared = 0
        while len({scope[: shared + 1] for scope in scopes}) == 1 and min(map(len, scopes)) > shared + 1:
            shared += 1
        return shared

    def _blocks(self, keys: dict[Value, Key]) -> dict[Value, Block]:
        blocks = {key: Block(key[1]) for key in dict.fromkeys(keys.values())}
        layers = [key for key in blocks if key[0] != "leaves"]
        size = -(-len(layers) // MOST_BLOCKS)
        for i in range(0, len(layers), size) if size > 1 else ():
            together = layers[i : i + size]
            (_, first), (_, last) = together[0], together[-1]
            block = Block(f"{first} … {last}" if len(together) > 1 else first)
            blocks.update(dict.fromkeys(together, block))
        for value, key in keys.items():
            blocks[key].values.append(value)
        block_of = {value: blocks[key] for value, key in keys.items()}
        for key, block in blocks.items():
            if key[0] == "stage":
                ends = [root for root in self.roots if block_of.get(root) is block]
                block.name = (str(ends[0].label) or "output") if len(ends) == 1 else "computed"
        return block_of

    def _flows(self) -> list[Flow]:
        shares: dict[tuple[Block, Block], dict[Value, float]] = defaultdict(lambda: defaultdict(float))
        for child in self.values:
            into = self.block_of[child]
            locals_ = None
            for i, parent in enumerate(child.parents):
                source = self.block_of.get(parent)
                if source is not None and source is not into and parent.kind != "constant":
                    locals_ = locals_ or child.local_gradients
                    shares[source, into][parent] += locals_[i] * child.grad
        return [
            Flow(source, into, len(share), rms(share.values()) if self.after_backward else None)
            for (source, into), share in shares.items()
        ]


def _by_depth(values: Sequence[Value]) -> dict[Value, Key]:
    """Share values out to ranges of depths, about equally many to each."""
    depth: dict[Value, int] = {}
    for value in values:
        depth[value] = 1 + max((depth.get(parent, 0) for parent in value.parents), default=0)
    band: dict[int, int] = {}
    seen = 0
    for d, size in sorted(Counter(depth.values()).items()):
        band[d] = min(int(MOST_BANDS * (seen + size / 2) / len(values)), MOST_BANDS - 1)
        seen += size
    keys: dict[int, Key] = {}
    for _, depths in groupby(band, key=band.__getitem__):
        first, *others = depths
        name = f"depth {first:,}" + (f" to {others[-1]:,}" if others else "")
        keys.update(dict.fromkeys([first, *others], ("layer", name)))
    return {value: keys[depth[value]] for value in values}


def rms(numbers: Iterable[float]) -> float:
    """Return the root mean square of numbers, without overflow.

    >>> rms([3.0, 4.0, 0.0, 0.0])
    2.5
    """
    numbers = list(numbers)
    return hypot(*numbers) / sqrt(len(numbers)) if numbers else 0.0
