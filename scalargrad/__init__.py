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
from scalargrad.engine import Value as Value
from scalargrad.engine import detect_anomaly as detect_anomaly
from scalargrad.engine import no_grad as no_grad
from scalargrad.engine import scope as scope
from scalargrad.engine import topological_order as topological_order
from scalargrad.ops import *

__version__ = "0.1.0"
engine_name = "python"
