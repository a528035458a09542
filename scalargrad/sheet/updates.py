r"""Optimisers as equations of the language: what one step makes of a parameter w and its gradient g, state by state.

    >>> print(*RULES["adam"].equations, sep="\n")
    m = beta_1 m + (1 - beta_1) g
    v = beta_2 v + (1 - beta_2) g^2
    m_hat = m/(1 - beta_1^t)
    v_hat = v/(1 - beta_2^t)
    w = w - (eta m_hat)/(√(v_hat) + epsilon)

On the right of its own equation a name is what the step before left; states begin at 0, and t counts steps from 1. What is
said of a parameter holds for each of its entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalargrad.sheet.problem import Equation, Problem

_WORDS = ("w", "g", "t", "v", "m", "s", "eta", "beta", "epsilon", "lambda", "rho", "u")


@dataclass(frozen=True)
class Rule:
    """An optimiser.

    name       as `update w by NAME` has it
    text       its equations
    constants  their usual values; None where the problem must say
    at         where the gradient is taken, in the language; at w by default
    source     of the formula
    """

    name: str
    text: str
    constants: dict[str, float | None]
    source: str
    at: str = "w"

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations of a step."""
        return Problem.read(self.text, self.name).equations

    @property
    def states(self) -> tuple[str, ...]:
        """What is carried from step to step, beside the parameter."""
        own = [equation.name for equation in self.equations]
        return tuple(
            e.name for e in self.equations if e.name != "w" and e.name in _read_before_written(self.equations, own)
        )


def _read_before_written(equations: tuple[Equation, ...], own: list[str]) -> set[str]:
    written: set[str] = set()
    read: set[str] = set()
    for equation in equations:
        read |= {name for name in _names(equation) if name in own and name not in written}
        written.add(equation.name)
    return read


def _names(equation: Equation) -> set[str]:
    from scalargrad.sheet.grammar import flat
    from scalargrad.sheet.terms import SUB

    return {str(flat(part)) for part in equation.right.walk() if part.is_name or part.head is SUB}


_PLAIN = {"eta": None}
RULES = {
    rule.name: rule
    for rule in [
        Rule("gradient descent", "w = w - eta g", {"eta": None}, "Cauchy, 1847"),
        Rule("momentum", "v = beta v + g; w = w - eta v", {"eta": None, "beta": 0.9}, "Polyak, 1964; Sutskever et al., 2013, in PyTorch's form"),
        Rule("heavy ball", "v = beta v - eta g; w = w + v", {"eta": None, "beta": 0.9}, "Polyak, 1964: the learning rate inside the velocity"),
        Rule("averaged momentum", "v = beta v + (1 - beta) g; w = w - eta v", {"eta": None, "beta": 0.9}, "the velocity as a running mean of gradients"),
        Rule("nesterov", "v = beta v + g; w = w - eta (g + beta v)", {"eta": None, "beta": 0.9}, "Sutskever et al., 2013, in PyTorch's form"),
        Rule("nesterov look-ahead", "v = beta v - eta g; w = w + v", {"eta": None, "beta": 0.9}, "Nesterov, 1983; Sutskever et al., 2013", at="w + beta v"),
        Rule("adagrad", "s = s + g^2; w = w - eta g/(√(s) + epsilon)", {"eta": None, "epsilon": 1e-8}, "Duchi et al., 2011"),
        Rule("rmsprop", "s = rho s + (1 - rho) g^2; w = w - eta g/(√(s) + epsilon)", {"eta": None, "rho": 0.9, "epsilon": 1e-8}, "Hinton, 2012"),
        Rule("rmsprop inside", "s = rho s + (1 - rho) g^2; w = w - eta g/√(s + epsilon)", {"eta": None, "rho": 0.9, "epsilon": 1e-8}, "Hinton, 2012: epsilon inside the root"),
        Rule(
            "adam",
            "m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; m_hat = m/(1 - beta_1^t); v_hat = v/(1 - beta_2^t); "
            "w = w - eta m_hat/(√(v_hat) + epsilon)",
            {"eta": None, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}, "Kingma and Ba, 2015, algorithm 1",
        ),
        Rule(
            "adamw",
            "m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; m_hat = m/(1 - beta_1^t); v_hat = v/(1 - beta_2^t); "
            "w = w - eta (m_hat/(√(v_hat) + epsilon) + lambda w)",
            {"eta": None, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "lambda": 0.01}, "Loshchilov and Hutter, 2019, algorithm 2",
        ),
    ]
}  # fmt: skip
OTHER_NAMES = {
    "sgd": "gradient descent",
    "GD": "gradient descent",
    "descent": "gradient descent",
    "Adam": "adam",
    "AdamW": "adamw",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
    "AdaGrad": "adagrad",
    "RMSProp": "rmsprop",
    "SGD": "gradient descent",
}
SYNONYMS = {
    "lr": "eta",
    "alpha": "eta",
    "gamma": "beta",
    "rate": "eta",
    "learning_rate": "eta",
    "momentum": "beta",
    "mu": "beta",
    "eps": "epsilon",
    "decay": "rho",
}
