"""Functions into their derivatives, with JAX's names and meaning, nestable to any order.

A transform calls the function on fresh Values, and runs along the tape of local gradients that this recorded: numbers in
give numbers out. Where a Value comes in, as in a derivative of a derivative, Values come out: the records' partial
derivatives are applied to Values then, so that the derivative is a graph, too, to be differentiated again, or compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from operator import index
from typing import TYPE_CHECKING, Any, ParamSpec, SupportsIndex, TypeVar

from scalargrad.derivatives import cotangents, local_slope, product
from scalargrad.hessians import pushed_hessian
from scalargrad.modes import Block, current, ieee
from scalargrad.node import again
from scalargrad.op import number
from scalargrad.tape import Tape
from scalargrad.traced import active, is_traced, transforming, under_way
from scalargrad.tree import LONE, Structure, array_of, flatten, flatten_arguments, floats_in, numbers_in
from scalargrad.value import Value, engine_name, topological_order

Function = Callable[..., Any]
P = ParamSpec("P")  # the arguments of a function: its derivative takes the same
R = TypeVar("R")


def is_active(values: Iterable[Value]) -> bool:
    """Say whether one of the values depends on a leaf of a transform that is under way.

    >>> is_active([Value(2.0)])
    False
    """
    if not transforming:
        return False
    leaves = {leaf for _, group in list(transforming) for leaf in group}
    return not leaves.isdisjoint(topological_order(*values))


class Recorded:
    """A function recorded at some arguments: on fresh leaves in place of their numbers; and its derivatives there.

    The twin in C does the same for numbers, arrays, and lists, tuples and dicts of them, and leaves all else to this.

    picks    the position of the argument to differentiate with respect to, or several
    numbers  theirs, some of which may be Values
    inputs   their structure (that of the one argument, where picks is one)
    leaves   the fresh leaves, in the order of the numbers
    results  what the function gave, and its structure in outputs
    live     whether a Value that came in is part of a graph, and so are the results: then they come out as Values
    """

    array, floats = staticmethod(array_of), staticmethod(floats_in)  # for the twin

    def __init__(self, function: Function, arguments: Sequence[Any], picks: Any, keywords: Any, *made: Any) -> None:
        self.function = function
        chosen = _chosen(picks, len(arguments))
        if picks.__class__ is int:
            self.numbers, self.inputs = flatten(arguments[picks], f"argument {picks}")
        else:
            self.numbers, self.inputs = flatten_arguments({pick: arguments[pick] for pick in chosen})
            if not isinstance(picks, Iterable):
                self.inputs = self.inputs.first()
        self.leaves, result = made or self._call(arguments, chosen, keywords, isinstance(picks, Iterable))
        if isinstance(result, Value):
            self.results, self.outputs = [result], LONE
        else:
            numbers, self.outputs = flatten(result, "the function's result", "result")
            self.results = [_as_value(x) for x in numbers]
        # The parameters of a Module stand for their numbers.
        self.live = _are_live(self.numbers, self.inputs) or is_active(self.results)

    def _call(
        self, arguments: Sequence[Any], chosen: Sequence[int], keywords: Any, several: bool
    ) -> tuple[list[Value], Any]:
        leaves, fresh = [_fresh(x) for x in self.numbers], list(arguments)
        made = self.inputs.unflatten(leaves)
        if several:
            for pick, argument in zip(chosen, made, strict=True):
                fresh[pick] = argument
        else:
            fresh[chosen[0]] = made
        function = self.function if current().recording else partial(Block(recording=True).run, self.function)
        with active(leaves):
            return leaves, function(*fresh, **keywords)

    def value(self) -> Any:
        """Return what the function gave."""
        if self.live:
            return self._out(_Graph(self).images(self.results), self.outputs)
        return self.outputs.unflatten([result._data for result in self.results])

    def gradient(self) -> Any:
        """Return the derivative of the only result."""
        if len(self.results) != 1:
            self._only()
        return self._out(self._derivatives().vjp((1.0,)), self.inputs)

    def vjp(self, cotangent: Any) -> Any:
        """Pull a cotangent, of the results' structure, back to the arguments."""
        along, live = _paired(cotangent, self.outputs, "cotangent")
        return self._out(self._derivatives(live).vjp(along), self.inputs, live)

    def jvp(self, tangents: Any) -> Any:
        """Return the derivative of the results along tangents, of the arguments' structure."""
        along, live = _paired(tangents, self.inputs, "tangents")
        return self._out(self._derivatives(live).jvp(along), self.outputs, live)

    def jacobian(self, forward: bool | None = None) -> Any:
        """Return all derivatives: forward, or backward, or the way that is shorter."""
        forward = len(self.leaves) < len(self.results) if forward is None else forward
        return self._matrix(self._derivatives().jacobian(forward), self.outputs)

    def hvp(self, tangents: Any) -> Any:
        """Return the derivative of the only result's gradient along tangents."""
        self._only()
        along, live = _paired(tangents, self.inputs, "tangents")
        if live or self._by_graph():
            return self._out(_Graph(self._differentiated()).jvp(along), self.inputs, live)
        return self._out(Tape(self.leaves, self.results, second=True).hvp(along), self.inputs)

    def hessian(self) -> Any:
        """Return the second derivatives of the only result."""
        self._only()
        if self._by_graph():
            rows = _Graph(self).hessian() or _Graph(self._differentiated()).symmetric_jacobian()
        else:
            rows = Tape(self.leaves, self.results, second=True).hessian()
        return self._matrix(rows, self.inputs)

    def _only(self) -> None:
        if len(self.results) != 1:
            name = getattr(self.function, "__name__", repr(self.function))
            raise TypeError(f"grad: {name} must give one number, got {len(self.results)}: see jacobian")

    def _by_graph(self) -> bool:
        """Say whether derivatives are to be Values: they come out, or have their numbers looked at by detect_anomaly()."""
        return self.live or bool(current().watch)

    def _derivatives(self, live: bool = False) -> Any:
        return _Graph(self) if live or self.live or current().watch else Tape(self.leaves, self.results)

    def _differentiated(self) -> Recorded:
        """Return the recorded gradient: Values over the same leaves, to be differentiated again."""
        made = copy(self)
        made.results = [_as_value(x) for x in _Graph(self, ()).vjp([1.0])]
        return made

    def _out(self, numbers: Iterable[Any], structure: Structure, live: bool = False) -> Any:
        if live or self.live:
            numbers = map(_as_value, numbers)
        elif current().watch:  # of a graph, whose numbers were looked at
            numbers = map(_number, numbers)
        return structure.unflatten(numbers)

    def _matrix(self, rows: Sequence[Sequence[Any]], outputs: Structure) -> Any:
        if self._by_graph():
            rows = [list(map(_as_value if self.live else _number, row)) for row in rows]
        return outputs.jacobian(self.inputs, rows)


class _Graph:
    """The derivatives of a recorded function as Values with graphs of their own; its methods are those of a Tape.

    numbers  what stands for the leaves there: those Values that came in
    """

    def __init__(self, recorded: Recorded, numbers: Sequence[Any] | None = None) -> None:
        self.leaves, self.results = recorded.leaves, recorded.results
        self.order = topological_order(*self.results)
        self.wanted = set(self.leaves)  # the leaves, and what depends on them by a way that gradients take
        self.wanted.update(n for n in self.order if n.kind != "constant" and any(p in self.wanted for p in n.parents))
        self.image: dict[Value, Value] = {}
        if recorded.live:
            self._put_in(recorded.numbers if numbers is None else numbers)

    def _put_in(self, numbers: Sequence[Any]) -> None:
        """Compute the graph again on the Values that came in: the fresh leaves kept them apart from all others."""
        self.image.update((leaf, x) for leaf, x in zip(self.leaves, numbers, strict=False) if isinstance(x, Value))
        with ieee():
            for node in self.order if self.image else ():
                if any(parent in self.image for parent in node.parents):
                    parents = self.images(node.parents)
                    self.image[node] = copied = again(node, parents)
                    copied.label, copied.scope = node.label, node.scope
                    copied.kind = node.kind

    def images(self, values: Iterable[Value]) -> list[Value]:
        """Return what stands for some values."""
        return [self.image.get(value, value) for value in values]

    def vjp(self, along: Sequence[Any]) -> list[Any]:
        seeds: dict[Value, Any] = {}
        for result, x in zip(self.results, along, strict=True):
            if isinstance(x, Value) or x != 0:
                seeds[result] = seeds[result] + x if result in seeds else x
        return self._gradient(seeds, self.wanted)

    def _gradient(self, seeds: Mapping[Value, Any], wanted: Container[Value]) -> list[Any]:
        # One row of a Jacobian often depends on a few leaves only.
        within = topological_order(*seeds) if len(seeds) < len(self.results) else self.order
        found = cotangents(within, seeds, wanted, self.image)
        return [found.get(leaf, 0.0) for leaf in self.leaves]

    def jvp(self, along: Sequence[Any]) -> list[Any]:
        found = {leaf: x for leaf, x in zip(self.leaves, along, strict=True) if isinstance(x, Value) or x != 0}
        with ieee():
            for node in self.order:
                if node not in self.wanted:
                    continue
                out, parents = self.image.get(node, node), self.images(node.parents)
                for i, parent in enumerate(node.parents):
                    if parent in found:
                        share = product(local_slope(node, i, out, parents), found[parent])
                        found[node] = found[node] + share if node in found else share
        return [found.get(result, 0.0) for result in self.results]

    def jacobian(self, forward: bool) -> list[Any]:
        if not forward:
            return [self._gradient({result: 1.0}, self.wanted) for result in self.results]
        columns = [self.jvp([float(leaf is other) for other in self.leaves]) for leaf in self.leaves]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.results)

    def hessian(self) -> list[Any] | None:
        """Return the second derivatives of the only result; None where row by row takes fewer operations."""
        return pushed_hessian(self.order, self.leaves, self.wanted, self.image, len(self.leaves) * len(self.wanted))

    def symmetric_jacobian(self) -> list[Any]:
        """Return the Jacobian of a gradient: a row ends at the diagonal, and what is beyond stands in a later row."""
        nearest = {leaf: i for i, leaf in enumerate(self.leaves)}  # the first leaf that a value depends on
        for node in self.order:
            if node in self.wanted and (found := [nearest[parent] for parent in node.parents if parent in nearest]):
                nearest[node] = min(found)
        rows = [self._gradient({result: 1.0}, _UpTo(nearest, i)) for i, result in enumerate(self.results)]
        return [[rows[max(i, j)][min(i, j)] for j in range(len(rows))] for i in range(len(rows))]


class _UpTo:
    """The values that depend on one of the first leaves."""

    def __init__(self, nearest: Mapping[Any, int], last: int) -> None:
        self.nearest, self.last = nearest, last

    def __contains__(self, value: object) -> bool:
        return self.nearest.get(value, self.last + 1) <= self.last


def record(
    function: Function, arguments: Sequence[Any], picks: Any, keywords: Any, general: type[Recorded]
) -> Recorded:
    """Record a function at some arguments.

    >>> record(lambda x: x * x, (3.0,), 0, {}, Recorded).gradient()
    6.0
    """
    return general(function, arguments, picks, keywords)


if not TYPE_CHECKING and engine_name == "native":
    from scalargrad._engine import record


def _fresh(x: Any) -> Value:
    if not isinstance(x, Value):
        leaf = Value(x if x.__class__ is float else number(x, "argument"))
        leaf.role = "input"
        return leaf
    leaf = Value(x._data, label=x.label)
    if is_traced(x):
        leaf.kind = "traced"
    leaf.role = "parameter" if x.role == "parameter" else "input"
    if trace := under_way():
        trace.stand_ins[leaf] = x
    return leaf


def _as_value(x: Any) -> Value:
    if isinstance(x, Value):
        return x
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
    recorded = record(function, arguments, argnums, keywords, Recorded)
    return recorded.value(), recorded.gradient()


def grad(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return a function that gives the function's gradient; see `value_and_grad`.

    >>> f = lambda x: x * x * x
    >>> grad(f)(2.0), grad(grad(f))(2.0), grad(grad(grad(f)))(2.0)
    (12.0, 12.0, 6.0)
    """
    return _named(_grad, function, argnums)


def _grad(function: Function, argnums: int | Sequence[int], *arguments: Any, **keywords: Any) -> Any:
    return record(function, arguments, argnums, keywords, Recorded).gradient()


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
    return record(function, arguments, argnums, keywords, Recorded).jacobian(forward)


def hessian(function: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return a function that gives the second derivatives, as the `jacobian` of the gradient; exactly symmetric.

    >>> hessian(lambda x: x[0] * x[0] * x[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    return _named(_hessian, function, argnums)


def _hessian(function: Function, argnums: int | Sequence[int], *arguments: Any, **keywords: Any) -> Any:
    return record(function, arguments, argnums, keywords, Recorded).hessian()


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return the function's value at the primals, and its derivative along the tangents.

    >>> jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.5))
    (12.0, 5.5)

    One tangent a primal, of the same structure. Raises ValueError where the structures differ.
    """
    recorded = record(function, tuple(primals), tuple(range(len(primals))), {}, Recorded)
    along = recorded.jvp(tuple(tangents))
    return recorded.value(), along


def vjp(function: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the function's value at the primals, and the function that pulls a cotangent back to each of them.

    >>> value, pull_back = vjp(lambda x, y: (x * y, x + y), 3.0, 4.0)
    >>> value, pull_back((1.0, 10.0))
    ((12.0, 7.0), (14.0, 13.0))

    A cotangent has the structure of the value; else ValueError is raised.
    """
    recorded = record(function, tuple(primals), tuple(range(len(primals))), {}, Recorded)

    def pull_back(cotangent: Any) -> tuple[Any, ...]:
        pulled: tuple[Any, ...] = recorded.vjp(cotangent)
        return pulled

    return recorded.value(), pull_back


def hvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of the function with respect to its first argument, times the first tangent.

    >>> hvp(lambda x: x[0] * x[0] * x[1], ([3.0, 4.0],), ([1.0, 0.0],))
    [8.0, 6.0]

    It is the derivative of the gradient along the tangents, and takes a small multiple of the gradient's time.
    """
    return record(function, tuple(primals), tuple(range(len(primals))), {}, Recorded).hvp(tuple(tangents))[0]


def _paired(tree: Any, structure: Structure, name: str) -> tuple[list[Any], bool]:
    """Return the numbers of a tree in the order of a structure, and whether Values come out where they go in."""
    numbers = numbers_in(structure.units_of(tree, name))
    live = _are_live(numbers, structure)
    return numbers if live else [number(_number(x), name) for x in numbers], live


def _number(x: Any) -> Any:
    return x._data if isinstance(x, Value) else x


def _are_live(numbers: Sequence[Any], structure: Structure) -> bool:
    """Say whether there are Values of a graph among the numbers. The parameters of a Module stand for their numbers."""
    values = [x for x in numbers if x.__class__ is not float and isinstance(x, Value)]
    if not values:
        return False
    own = any(isinstance(x, Value) for x in structure.bare(numbers))
    return own or under_way() is not None or any(map(is_traced, values)) or is_active(values)


def _chosen(argnums: Any, count: int) -> list[int]:
    """Return the positions of the arguments to differentiate with respect to, among so many."""
    if argnums.__class__ is int and -count <= argnums < count:
        return [argnums % count]
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
