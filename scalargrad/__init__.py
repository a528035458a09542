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
from scalargrad.engine import TracingError as TracingError
from scalargrad.engine import detect_anomaly as detect_anomaly
from scalargrad.engine import no_grad as no_grad
from scalargrad.engine import scope as scope
from scalargrad.engine import source_lines as source_lines
from scalargrad.ops import *
from scalargrad.value import Value as Value
from scalargrad.value import engine_name as engine_name
from scalargrad.value import topological_order as topological_order

__version__ = "0.1.0"
