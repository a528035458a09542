"""Functions into their derivatives, with JAX's names and meaning, nestable to any order.

A transform calls the function on fresh Values and walks the graph that this recorded, applying the records' partial
derivatives to Values: the derivative is a graph too, so it can be differentiated again, or compiled. Numbers in give
numbers out; where a Value comes in, as in a derivative of a derivative, Values come out.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from operator import index
from typing import Any, ParamSpec, SupportsIndex, TypeVar

from scalargrad.derivatives import cotangents, local_slope, product
from scalargrad.modes import Block, ieee
from scalargrad.node import again
from scalargrad.op import number
from scalargrad.traced import is_traced, under_way
from scalargrad.tree import Structure, flatten, flatten_arguments, numbers_in
from scalargrad.value import Value, topological_order

Function = Callable[..., Any]
P = ParamSpec("P")  # the arguments of a function: its derivative takes the same
R = TypeVar("R")

# The leaves of the transforms that are under way, in all threads: what depends on one of them is not a number yet.
_active: set[Value] = set()
# Whether a transform is under way in this thread or task.
_here: ContextVar[bool] = ContextVar("scalargrad.here", default=False)


@contextmanager
def active(leaves: Sequence[Value]) -> Iterator[None]:
    """Let results that depend on these leaves stay Values, while a function of them is evaluated.

    >>> with active([Value(2.0)]):
    ...     grad(lambda x: x * x)(3.0)
    6.0
    """
    _active.update(leaves)
    token = _here.set(True)
    try:
        yield
    finally:
        _here.reset(token)
        _active.difference_update(leaves)


def is_active(values: Iterable[Value]) -> bool:
    """Say whether one of the values depends on a leaf of a transform that is under way.

    >>> is_active([Value(2.0)])
    False
    """
    return bool(_active) and not _active.isdisjoint(topological_order(*values))


class _Graph:
    """A function's graph at some arguments: fresh leaves in place of the numbers, and what was computed from them.

    picks   the positions of the arguments to differentiate with respect to
    inputs  their structure (that of the one argument, where picks is a number)
    leaves  the fresh leaves, in the order of the numbers
    """

    def __init__(self, function: Function, arguments: Sequence[Any], picks: int | Sequence[int], keywords: Any) -> None:
        chosen = _chosen(picks, len(arguments))
        numbers, self.inputs = flatten_arguments({pick: arguments[pick] for pick in chosen})
        self.leaves = [_fresh(x) for x in numbers]
        fresh = list(arguments)
        for pick, argument in zip(chosen, self.inputs.unflatten(self.leaves), strict=True):
            fresh[pick] = argument
        with active(self.leaves), Block(recording=True):
            result = function(*fresh, **keywords)
        numbers_out, self.outputs = flatten(result, "the function's result", "result")
        self.results = [x if isinstance(x, Value) else _constant(x) for x in numbers_out]
        self.order = topological_order(*self.results)
        self.wanted = set(self.leaves)  # the leaves, and what depends on them by a way that gradients take
        self.wanted.update(n for n in self.order if n.kind != "constant" and any(p in self.wanted for p in n.parents))
        # A Value that comes in is part of a graph, and so are the results. A Module's parameters stand for their numbers.
        self.live = _are_live(numbers, self.inputs) or is_active(self.results)
        if not isinstance(picks, Iterable):
            self.inputs = self.inputs.first()
        self.image = self._image(numbers) if self.live else {}

    def _image(self, numbers: Sequence[Any]) -> dict[Value, Value]:
        """Compute the graph again on the Values that came in: the fresh leaves kept them apart from all others."""
        image = {leaf: x for leaf, x in zip(self.leaves, numbers, strict=True) if isinstance(x, Value)}
        with ieee():
            for node in self.order if image else ():
                if any(parent in image for parent in node.parents):
                    parents = [image.get(parent, parent) for parent in node.parents]
                    image[node] = copied = again(node, parents)
                    copied.label, copied.scope = node.label, node.scope
                    copied.kind = node.kind
        return image

    def gradient(self, seeds: Mapping[Value, Any], wanted: Container[Value] | None = None) -> list[Any]:
        """Return the derivatives of seeded values with respect to the leaves."""
        within = self.order
        if len(seeds) == 1:  # one row of a Jacobian often depends on a few leaves only
            within = topological_order(*seeds)
        found = cotangents(within, seeds, self.wanted if wanted is None else wanted, self.image)
        return [found.get(leaf, 0.0) for leaf in self.leaves]

    def tangents(self, seeds: Mapping[Value, Any]) -> list[Any]:
        """Return the derivatives of the results along seeded leaves: the chain rule forward."""
        found = dict(seeds)
        with ieee():
            for node in self.order:
                if node not in self.wanted:
                    continue
                out, parents = self.image.get(node, node), [self.image.get(p, p) for p in node.parents]
                for i, parent in enumerate(node.parents):
                    if parent in found:
                        share = product(local_slope(node, i, out, parents), found[parent])
                        found[node] = found[node] + share if node in found else share
        return [found.get(result, 0.0) for result in self.results]

    def number(self, x: Any, live: bool = False) -> Any:
        """Return a result as a number, or as a Value where what came in was not all numbers."""
        if live or self.live:
            return x if isinstance(x, Value) else _constant(x)
        return x._data if isinstance(x, Value) else x

    def out(self, numbers: Sequence[Any], structure: Structure, live: bool = False) -> Any:
        return structure.unflatten([self.number(x, live) for x in numbers])

    def value(self) -> Any:
        return self.out([self.image.get(result, result) for result in self.results], self.outputs)

    def jacobian(self, forward: bool) -> Any:
        if forward:
            columns = [self.tangents({leaf: 1.0}) for leaf in self.leaves]
            rows: list[Any] = list(zip(*columns, strict=True)) if columns else [()] * len(self.results)
        else:
            rows = [self.gradient({result: 1.0}) for result in self.results]
        return self.matrix(rows)

    def symmetric_jacobian(self) -> Any:
        """Return the Jacobian of a gradient: a row ends at the diagonal, and what is beyond stands in a later row."""
        nearest = {leaf: i for i, leaf in enumerate(self.leaves)}  # the first leaf that a value depends on
        for node in self.order:
            if node in self.wanted and (found := [nearest[parent] for parent in node.parents if parent in nearest]):
                nearest[node] = min(found)
        rows = [self.gradient({result: 1.0}, _UpTo(nearest, i)) for i, result in enumerate(self.results)]
        return self.matrix([[rows[max(i, j)][min(i, j)] for j in range(len(rows))] for i in range(len(rows))])

    def matrix(self, rows: Sequence[Sequence[Any]]) -> Any:
        return self.outputs.jacobian(self.inputs, [[self.number(x) for x in row] for row in rows])


class _UpTo:
    """The values that depend on one of the first leaves."""

    def __init__(self, nearest: Mapping[Any, int], last: int) -> None:
        self.nearest, self.last = nearest, last

    def __contains__(self, value: object) -> bool:
        return self.nearest.get(value, self.last + 1) <= self.last


def _fresh(x: Any) -> Value:
    if not isinstance(x, Value):
        leaf = Value(number(x, "argument"))
        leaf.role = "input"
        return leaf
    leaf = Value(x._data, label=x.label)
    if is_traced(x):
        leaf.kind = "traced"
    leaf.role = "parameter" if x.role == "parameter" else "input"
    if trace := under_way():
        trace.stand_ins[leaf] = x
    return leaf


def _constant(x: Any) -> Value:
    value = Value(x)
    value.kind = "constant"
    return value


def value_and_grad(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, tuple[Any, Any]]:
    """Return a function that gives the function's value and its gradient.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, 12.0)

    argnums  the position of the argument to differentiate with respect to, or several: then a tuple of gradients

    An argument may be a number, a NumPy array, a Module, or lists, tuples, dicts and dataclasses of them, with None
    where a part is missing, or of a class that is registered by `register_pytree_node`; its gradient has the same
    structure. A pandas Series or DataFrame, where it is differentiated, is the array of its numbers, without its
    labels, and its gradient is an array, as of SciPy's functions. The new function raises TypeError where the
    function's result is not one number.
    """
    return _named(_value_and_grad, function, argnums)


def _value_and_grad(
    function: Function, argnums: int | Sequence[int], *arguments: Any, **keywords: Any
) -> tuple[Any, Any]:
    graph = _Graph(function, arguments, argnums, keywords)
    if len(graph.results) != 1:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"grad: {name} must give one number, got {len(graph.results)}: see jacobian")
    (result,) = graph.results
    gradient = graph.gradient({result: 1.0})
    return graph.number(graph.image.get(result, result)), graph.out(gradient, graph.inputs)


def grad(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return a function that gives the function's gradient; see `value_and_grad`.

    >>> f = lambda x: x * x * x
    >>> grad(f)(2.0), grad(grad(f))(2.0), grad(grad(grad(f)))(2.0)
    (12.0, 12.0, 6.0)
    """
    return _named(_grad, function, argnums)


def _grad(function: Function, argnums: int | Sequence[int], *arguments: Any, **keywords: Any) -> Any:
    return _value_and_grad(function, argnums, *arguments, **keywords)[1]


def jacobian(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return a function that gives all partial derivatives of all the function's results.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + 2 * x[1]])([3.0, 4.0])
    [[4.0, 3.0], [1.0, 2.0]]

    Its structure is that of the results, with that of the argument in place of each; an array of shape m by an array
    of shape n gives one of shape m + n. Walks the graph once a number of the argument or once a result, whichever are
    fewer: see `jacfwd` and `jacrev`.

    By several arguments it is a tuple. SciPy's curve_fit, whose model is f(x, a, b), wants its entries as columns:

    >>> import numpy as np
    >>> line = lambda x, a, b: a * x + b
    >>> jac = lambda x, *p: np.column_stack(jacobian(line, range(1, 1 + len(p)))(x, *p))
    >>> jac(np.array([1.0, 2.0]), 3.0, 4.0)
    array([[1., 1.],
           [2., 1.]])
    """
    return _named(_jacobian, function, argnums, None)


def jacfwd(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return the `jacobian`, found forward: one walk for each number of the argument.

    >>> jacfwd(lambda x: (x, x * x))(3.0)
    (1.0, 6.0)
    """
    return _named(_jacobian, function, argnums, True)


def jacrev(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return the `jacobian`, found backward: one walk for each result.

    >>> jacrev(lambda x: (x, x * x))(3.0)
    (1.0, 6.0)
    """
    return _named(_jacobian, function, argnums, False)


def _jacobian(
    function: Function, argnums: int | Sequence[int], forward: bool | None, *arguments: Any, **keywords: Any
) -> Any:
    graph = _Graph(function, arguments, argnums, keywords)
    return graph.jacobian(len(graph.leaves) < len(graph.results) if forward is None else forward)


def hessian(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return a function that gives the second derivatives, as the `jacobian` of the gradient; exactly symmetric.

    >>> hessian(lambda x: x[0] * x[0] * x[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    return _named(_hessian, function, argnums)


def _hessian(function: Function, argnums: int | Sequence[int], *arguments: Any, **keywords: Any) -> Any:
    return _Graph(grad(function, argnums), arguments, argnums, keywords).symmetric_jacobian()


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the function's value at the primals, and its derivative along the tangents.

    >>> jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.5))
    (12.0, 5.5)

    One tangent a primal, of the same structure. Raises ValueError where the structures differ.
    """
    graph = _Graph(function, primals, range(len(primals)), {})
    along, live = _paired(tuple(tangents), graph.inputs, "tangents")
    seeds = {leaf: x for leaf, x in zip(graph.leaves, along, strict=True) if isinstance(x, Value) or x != 0}
    graph.live = graph.live or live
    return graph.value(), graph.out(graph.tangents(seeds), graph.outputs)


def vjp(function: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the function's value at the primals, and the function that pulls a cotangent back to each of them.

    >>> value, pull_back = vjp(lambda x, y: (x * y, x + y), 3.0, 4.0)
    >>> value, pull_back((1.0, 10.0))
    ((12.0, 7.0), (14.0, 13.0))

    A cotangent has the structure of the value; else ValueError is raised.
    """
    graph = _Graph(function, primals, range(len(primals)), {})

    def pull_back(cotangent: Any) -> tuple[Any, ...]:
        seeds: dict[Value, Any] = {}
        along, live = _paired(cotangent, graph.outputs, "cotangent")
        for result, x in zip(graph.results, along, strict=True):
            seeds[result] = seeds[result] + x if result in seeds else x
        pulled: tuple[Any, ...] = graph.out(graph.gradient(seeds), graph.inputs, live)
        return pulled

    return graph.value(), pull_back


def hvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of the function with respect to its first argument, times the first tangent.

    >>> hvp(lambda x: x[0] * x[0] * x[1], ([3.0, 4.0],), ([1.0, 0.0],))
    [8.0, 6.0]

    It is the derivative of the gradient along the tangents, and takes a small multiple of the gradient's time.
    """
    return jvp(grad(function), primals, tangents)[1]


def _paired(tree: Any, structure: Structure, name: str) -> tuple[list[Any], bool]:
    """Return the numbers of a tree in the order of a structure, and whether Values come out where they go in."""
    numbers = numbers_in(structure.units_of(tree, name))
    live = _are_live(numbers, structure)
    return numbers if live else [x._data if isinstance(x, Value) else x for x in numbers], live


def _are_live(numbers: Sequence[Any], structure: Structure) -> bool:
    """Say whether there are Values of a graph among the numbers. The parameters of a Module stand for their numbers."""
    if any(isinstance(x, Value) for x in structure.bare(numbers)):
        return True
    return any(isinstance(x, Value) and (under_way() or x in _active or is_traced(x)) for x in numbers)


def _chosen(argnums: Any, count: int) -> list[int]:
    """Return the positions of the arguments to differentiate with respect to, among so many."""
    chosen = []
    for pick in argnums if isinstance(argnums, Iterable) else (argnums,):
        if isinstance(pick, bool) or not isinstance(pick, SupportsIndex):
            raise TypeError(f"argnums must be a whole number, or several, got {argnums!r}")
        if not -count <= index(pick) < count:
            raise ValueError(f"argnums: no argument {pick!r} in a call with {count} positional arguments")
        chosen.append(index(pick) % count)
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"argnums: an argument twice in {argnums!r}")
    return chosen


def _named(derivative: Callable[..., R], function: Callable[P, Any], *options: Any) -> Callable[P, R]:
    """Bind a derivative to its function, under that one's name: a partial object, which can be pickled."""
    bound = partial(derivative, function, *options)
    for name in ("__name__", "__doc__"):
        setattr(bound, name, getattr(function, name, None))
    bound.__wrapped__ = function  # type: ignore[attr-defined] # whose signature it has
    return bound
