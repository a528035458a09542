"""Copies and pickles of graphs.

They are made node by node in topological order: neither the depth of a graph nor what two of its Values share is then a
difficulty. Gradients that are graphs lead back to the nodes that have them, so they are set when all nodes are made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from scalargrad.micrograd import Names
from scalargrad.order import ordered
from scalargrad.traced import refuse_traced, traces


class Copied(Names):
    """The part of a Value that can be copied and pickled."""

    __slots__ = ()

    in_use: ClassVar[type[Any]]  # the Value in use, which a pickle becomes: engine.py says which

    scope: tuple[str, ...]
    kind: str
    __dict__: dict[str, Any]
    _data: float
    _restore: Callable[..., Any]

    if TYPE_CHECKING:

        @property
        def _role(self) -> str: ...
        @property
        def _attributes(self) -> dict[str, Any] | None: ...

    def _state(self) -> tuple[Any, ...]:
        if traces:
            refuse_traced(self)
        if self._by_hand:
            raise TypeError(
                f"{self!r} has a hand-written _backward, which cannot be copied or pickled: the copy's closure would go "
                "on to add to this graph's gradients. Build the graph anew, give the local gradients as numbers "
                "(Value(data, children, local_grads)), or write an operation (scalargrad.operation)"
            )
        gradient = 0.0 if isinstance(self.grad, Copied) else self.grad
        fields = (self._data, gradient, self.label, self.scope, self._role, self.kind)
        return (*fields, self._operation, self._partials, self._parents)

    def __reduce__(self) -> tuple[Any, ...]:
        shallow = _Shallow.next == id(self)
        family = [self] if shallow else _family((self,))
        before = family.index(self)
        subclass = None if type(self) is self._plain() else type(self)
        made = _rebuild, ([_Shallow(node) for node in family[:before]], subclass, *self._state())
        gradients = [] if shallow else [(node, node.grad) for node in family if isinstance(node.grad, Copied)]
        if not gradients:
            return *made, self._attributes
        after = [_Shallow(node) for node in family[before + 1 :]]
        return *made, (self._attributes, after, gradients), None, None, _set_gradients

    def __copy__(self) -> Any:
        copied = self._restore(*self._state())
        copied.grad = self.grad
        copied.__dict__.update(self._attributes or {})
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        family = _family((self,), memo)
        for node in family:
            *fields, parents = node._state()
            memo[id(node)] = type(node)._restore(*fields, tuple(memo[id(parent)] for parent in parents))
        for node in family:
            if isinstance(node.grad, Copied):
                memo[id(node)].grad = memo[id(node.grad)]
            if node._attributes:
                memo[id(node)].__dict__.update(copy.deepcopy(node._attributes, memo))
        return memo[id(self)]


class _Shallow:
    """A node in a pickled list of nodes: pickled without its ancestors, because they came before it."""

    next = 0

    def __init__(self, node: Copied) -> None:
        self.node = node

    def __reduce__(self) -> tuple[Any, ...]:
        _Shallow.next = id(self.node)
        return _itself, (self.node,)


def _itself(node: Copied) -> Copied:
    return node


def _rebuild(_: Any, subclass: type[Copied] | None, *state: Any) -> Copied:
    node: Copied = (subclass or Copied.in_use)._restore(*state)
    return node


def _set_gradients(node: Copied, state: tuple[Any, ...]) -> None:
    attributes, _, gradients = state
    node.__dict__.update(attributes or {})
    for one, gradient in gradients:
        one.grad = gradient


def _family(roots: Iterable[Copied], known: Container[int] = ()) -> list[Copied]:
    """List what a copy of some Values holds: all that they and the gradients among it that are graphs come from."""
    order: list[Copied] = []
    seen: set[Copied] = set()
    more = list(roots)
    while more:
        found = [node for node in ordered(more, seen) if id(node) not in known]
        order += found
        more = [node.grad for node in found if isinstance(node.grad, Copied) and node.grad not in seen]
    return order
