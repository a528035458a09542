"""Scalars that differentiate themselves: a small, exact, inspectable autodiff engine.

>>> from scalargrad import Value, sin
>>> x = Value(1.0, label="x")
>>> y = x.relu() + sin(x)
>>> y.backward()
>>> round(y.data, 4), round(x.grad, 4)
(1.8415, 1.5403)
"""

from scalargrad.engine import Value, detect_anomaly, no_grad, scope, topological_order
from scalargrad.ops import *

__version__ = "0.1.0"
engine_name = "python"
