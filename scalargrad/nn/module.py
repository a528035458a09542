"""Module: something with parameters, which it finds by itself, names, saves and loads.

`layers.py` makes networks of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scalargrad.op import number
from scalargrad.value import Value

__all__ = ["Module", "as_values", "attributes_of", "is_parameter"]


class Module:
    """Something with parameters: the leaf Values in its attributes, and in those of the Modules there.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    >>> [name for name, parameter in Line().named_parameters()]
    ['slope', 'offset']
    """

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield every parameter with the path to it, such as `layers[0].neurons[1].w[2]`; a shared one once."""
        first: dict[Value, _Path] = {}
        for path, value in _leaves(self):
            first.setdefault(value, path)
        for value, path in first.items():
            yield _shown(path).removeprefix("."), value

    def parameters(self) -> list[Value]:
        """Return the parameters, in the order of the attributes."""
        return list(dict.fromkeys([value for _, value in _leaves(self)]))

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the parameters' data as plain dicts, lists and floats, which JSON can write.

        >>> from scalargrad.nn import Neuron
        >>> Neuron(2, weights=[0.5, -1], bias=0).state_dict()
        {'w': [0.5, -1.0], 'b': 0.0}
        """
        return _state(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the parameters' data from what `state_dict` returned.

        Raises ValueError that names the entry where the shapes differ, TypeError where an entry is not a number;
        then nothing has changed.
        """
        loaded = list(_matched(self, state, ""))
        for parameter, data in loaded:
            parameter.data = data


_Path = tuple[Any, Any, Any] | None  # the path to a container, the container, and the key in it


def _entries(thing: Any) -> Iterable[tuple[Any, Any]]:
    """List what a module or container holds, with its key."""
    if isinstance(thing, (Module, dict)):
        return (attributes_of(thing) if isinstance(thing, Module) else thing).items()
    return enumerate(thing)


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return an object's attributes, as `vars` does, but past `__getattribute__`, by which `jit` sees what is read.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = 2.0
    >>> attributes_of(Scale())
    {'factor': 2.0}
    """
    found: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    return found


def _shown(path: _Path) -> str:
    if path is None:
        return ""
    above, container, key = path
    return _shown(above) + (f".{key}" if isinstance(container, Module) else f"[{key!r}]")


def is_parameter(thing: Any) -> bool:
    """Say whether a thing in a module is a parameter, or stands for one in a transform or a compiled function.

    >>> is_parameter(Value(1.0)), is_parameter(1.0)
    (True, False)
    """
    return isinstance(thing, Value) and (
        thing.kind == "traced" or thing.role == "parameter" or not (thing.role or thing.parents)
    )


def _leaves(thing: Any, path: _Path = None, above: frozenset[int] = frozenset()) -> list[tuple[_Path, Value]]:
    # A module may know its parent: what stands above a thing (known by its id) is not looked for below it again.
    found: list[tuple[_Path, Value]] = []
    above |= {id(thing)}
    for key, child in _entries(thing):
        if isinstance(child, Value):
            if child.role == "parameter" or is_parameter(child):
                found.append(((path, thing, key), child))
        elif isinstance(child, (Module, list, tuple, dict)) and id(child) not in above:
            found += _leaves(child, (path, thing, key), above)
    return found


def _with_parameters(thing: Any) -> list[tuple[Any, Any]]:
    return [(key, child) for key, child in _entries(thing) if _leaves([child], above=frozenset([id(thing)]))]


def _state(thing: Any) -> Any:
    if isinstance(thing, Value):
        return thing.data
    states = {key: _state(child) for key, child in _with_parameters(thing)}
    return list(states.values()) if isinstance(thing, (list, tuple)) else states


def _matched(thing: Any, state: Any, path: str) -> Iterator[tuple[Value, float]]:
    name = path.removeprefix(".") or "state"
    if isinstance(thing, Value):
        yield thing, number(state, name)
        return
    children = _with_parameters(thing)
    if isinstance(thing, (list, tuple)):
        if not isinstance(state, (list, tuple)) or len(state) != len(children):
            got = len(state) if isinstance(state, (list, tuple)) else repr(state)
            raise ValueError(f"{name}: expected a list of {len(children)}, got {got}")
        pairs: list[Any] = list(state)
    else:
        keys = [child[0] for child in children]
        if not isinstance(state, dict) or set(state) != set(keys):
            raise ValueError(
                f"{name}: expected the keys {keys}, got {list(state) if isinstance(state, dict) else state!r}"
            )
        pairs = [state[key] for key in keys]
    for (key, child), entry in zip(children, pairs, strict=True):
        yield from _matched(child, entry, path + _shown((None, thing, key)))


def as_values(numbers: Sequence[Any], label: str, role: str) -> list[Value]:
    """Return Values as they are, and numbers as Values of a label and a role.

    >>> as_values([2, Value(3.0)], "x", "input")
    [Value(data=2.0, grad=0.0, label='x1'), Value(data=3.0, grad=0.0)]
    """
    if {*map(type, numbers)} == {Value}:
        return numbers if isinstance(numbers, list) else list(numbers)
    values = []
    for i, x in enumerate(numbers, 1):
        if not isinstance(x, Value):
            x = Value(x, label=f"{label}{i}")  # noqa: PLW2901
            x.role = role
        values.append(x)
    return values
