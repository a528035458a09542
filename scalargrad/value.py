"""The Value in use: the C twin's where it was built, else Python's. SCALARGRAD_ENGINE=python|native insists."""

from scalargrad.engine import Value as Value
from scalargrad.engine import engine_name as engine_name
from scalargrad.engine import topological_order as topological_order
