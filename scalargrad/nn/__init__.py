"""Networks made of Values: neurons, layers and losses, with micrograd's interface.

>>> from scalargrad.nn import MLP, mse
>>> model = MLP(2, [3, 1], activation="tanh")
>>> loss = mse(model([1.0, -2.0]), 0.5)
>>> loss.backward()

Read `module` first: what has parameters. `layers` makes networks of it, and `losses` compares outputs with targets. Both
are loaded when something of them is first asked for: they take as long to load as all the rest of the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scalargrad.alias import one_module
from scalargrad.nn.module import *
from scalargrad.nn.module import __all__ as _of_module
from scalargrad.value import Value as Value  # which micrograd's `nn` has, too

one_module(__name__)

if TYPE_CHECKING:
    from scalargrad.nn.layers import *
    from scalargrad.nn.losses import *
else:

    def __getattr__(name: str) -> Any:
        rooms = [import_module(f"scalargrad.nn.{room}") for room in ("layers", "losses")]
        if name == "__all__":
            return ["Value", *_of_module, *(name for room in rooms for name in room.__all__)]
        for room in rooms:
            if name in room.__all__ or name == "_InZ":  # pickles of models name that
                return getattr(room, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*globals(), *__getattr__("__all__")]
