"""Scalars that differentiate themselves: a small, exact, inspectable autodiff engine.

>>> from scalargrad import Value, sin
>>> x = Value(1.0, label="x")
>>> y = x.relu() + sin(x)
>>> y.backward()
>>> round(y.data, 4), round(x.grad, 4)
(1.8415, 1.5403)
"""

from scalargrad import nn as nn
from scalargrad import optim as optim
from scalargrad.diagnosis import why as why
from scalargrad.engine import TracingError as TracingError
from scalargrad.engine import detect_anomaly as detect_anomaly
from scalargrad.engine import no_grad as no_grad
from scalargrad.engine import scope as scope
from scalargrad.engine import source_lines as source_lines
from scalargrad.jit import jit as jit
from scalargrad.numerical import GradientError as GradientError
from scalargrad.numerical import check_gradients as check_gradients
from scalargrad.ops import *
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
from scalargrad.value import engine_name as engine_name
from scalargrad.value import topological_order as topological_order
from scalargrad.vmap import vmap as vmap

__version__ = "0.1.0"
