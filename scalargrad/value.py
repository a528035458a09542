"""The Value in use: the C twin's where it was built, else Python's. SCALARGRAD_ENGINE=python|native insists.

What NumPy asks a Value for stands here, too: it is loaded where NumPy is.
"""

from __future__ import annotations

from typing import Any

from scalargrad import op
from scalargrad.engine import Value as Value
from scalargrad.engine import engine_name as engine_name
from scalargrad.engine import topological_order as topological_order

# Imported when NumPy asks, as the engine needs no NumPy; by plain statements, which take a third of the time of `from`.


def data_of(array: Any) -> Any:
    """Return the numbers of an array of Values as an array of floats, that of a Value as a float.

    >>> import numpy as np
    >>> data_of(np.array([Value(1.0), 2.0]))
    array([1., 2.])

    Anything else is returned as it is. Raises TracingError where a Value has no number.
    """
    import scalargrad.arrays

    return scalargrad.arrays.data_of(array)


def _array_ufunc(_: Value, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
    import scalargrad.arrays

    return scalargrad.arrays.call_with_value(ufunc, method, inputs, keywords)


def _array_function(_: Value, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:  # noqa: ARG001
    import scalargrad.functions

    return scalargrad.functions.call_function(function, arguments, keywords)


def _apply_to_arrays(operation: op.Op, *arguments: Any) -> Any:
    import scalargrad.arrays

    return scalargrad.arrays.apply(operation, *arguments)


Value.__array_ufunc__, Value.__array_function__ = _array_ufunc, _array_function  # type: ignore[attr-defined]
op.apply_to_arrays = _apply_to_arrays
