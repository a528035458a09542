"""Networks made of Values: neurons, layers and losses, with micrograd's interface.

>>> model = MLP(2, [3, 1], activation="tanh")
>>> loss = mse(model([1.0, -2.0]), 0.5)
>>> loss.backward()

Read `module` first: what has parameters. `layers` makes networks of it, and `losses` compares outputs with targets.
"""

from scalargrad.alias import one_module
from scalargrad.nn import layers, losses, module
from scalargrad.nn.layers import *
from scalargrad.nn.layers import _InZ as _InZ  # pickles of models name it
from scalargrad.nn.losses import *
from scalargrad.nn.module import *
from scalargrad.value import Value

one_module(__name__)

__all__ = ["Value"]  # which micrograd's `nn` has, too
__all__ += module.__all__
__all__ += layers.__all__
__all__ += losses.__all__
