"""Scalars that differentiate themselves: a small, exact, inspectable autodiff engine.

>>> from scalargrad import Value, sin
>>> x = Value(1.0, label="x")
>>> y = x.relu() + sin(x)
>>> y.backward()
>>> round(y.data, 4), round(x.grad, 4)
(1.8415, 1.5403)
"""

import builtins as _builtins
import typing as _typing

from scalargrad import nn as nn
from scalargrad import optim as optim
from scalargrad.diagnosis import why as why
from scalargrad.export import export as export
from scalargrad.jit import jit as jit
from scalargrad.modes import detect_anomaly as detect_anomaly
from scalargrad.modes import ieee as ieee
from scalargrad.modes import no_grad as no_grad
from scalargrad.modes import scope as scope
from scalargrad.modes import source_lines as source_lines
from scalargrad.numerical import GradientError as GradientError
from scalargrad.numerical import check_gradients as check_gradients
from scalargrad.objects import register_pytree_node as register_pytree_node
from scalargrad.op import Op as Op
from scalargrad.op import Operand as Operand
from scalargrad.op import operation as operation
from scalargrad.ops import *
from scalargrad.ops import OPERATIONS as _OPERATIONS
from scalargrad.special import *
from scalargrad.traced import TracingError as TracingError
from scalargrad.transforms import grad as grad
from scalargrad.transforms import hessian as hessian
from scalargrad.transforms import hvp as hvp
from scalargrad.transforms import jacfwd as jacfwd
from scalargrad.transforms import jacobian as jacobian
from scalargrad.transforms import jacrev as jacrev
from scalargrad.transforms import jvp as jvp
from scalargrad.transforms import value_and_grad as value_and_grad
from scalargrad.transforms import vjp as vjp
from scalargrad.tree import array as array
from scalargrad.value import Value as Value
from scalargrad.value import data_of as data_of
from scalargrad.value import engine_name as engine_name
from scalargrad.value import topological_order as topological_order
from scalargrad.vmap import vmap as vmap

__version__ = "0.1.0"

if not _typing.TYPE_CHECKING:  # type checkers export what is public; they cannot read a table
    __all__ = [
        # numbers that record what is done with them, and what is in force around that
        *("Value", "array", "data_of", "topological_order", "engine_name"),
        *("no_grad", "scope", "source_lines", "detect_anomaly", "ieee"),
        # functions of them, but for abs and pow, which are Python's own names: write scalargrad.abs, or abs(x) and x**y
        *(name for name in _OPERATIONS if not hasattr(_builtins, name)),
        *("stop_gradient", "Op", "Operand", "operation"),
        # derivatives of functions, and functions compiled
        *("grad", "value_and_grad", "jacobian", "jacfwd", "jacrev", "hessian", "jvp", "vjp", "hvp"),
        *("jit", "vmap", "export", "TracingError", "register_pytree_node"),
        # networks
        *("nn", "optim"),
        # what is wrong with a gradient
        *("why", "check_gradients", "GradientError"),
    ]
