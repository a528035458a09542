"""Any graph of Values written out: every step forward, every local derivative, every gradient by the chain rule."""

from __future__ import annotations

import copy
from typing import Any

from scalargrad import ops
from scalargrad.formula import Formula
from scalargrad.latex import name_in_latex
from scalargrad.op import Op, Text
from scalargrad.value import Value, topological_order
from scalargrad.worked.document import Document, Equation, Heading, Line, Numbers, Paragraph, Picture, chain
from scalargrad.worked.kinks import kinks
from scalargrad.worked.sheet import derivative, plain, printed, total

MOST_STEPS = 300  # that are written out
_LONGEST_FORMULA = 400  # characters of a formula that is shown whole


def explain(
    root: Value, digits: int = 4, *, title: str = "", formula: Formula | None = None, picture: str = ""
) -> Document:
    """Write out how a value was computed and how its gradients come about.

    >>> x = Value(3.0, label="x")
    >>> explain(x * x + 1).values
    {'x': 3.0, 'v1': 9.0, 'f': 10.0, '∂f/∂v1': 1.0, '∂f/∂x': 6.0}

    `formula` is the whole expression over the labels, where it is known, and `picture` an SVG of the graph, which is
    itself left as it is. Raises ValueError for more than 300 steps, TypeError for what is no Value or has
    a `_backward` written by hand.
    """
    if not isinstance(root, Value):
        raise TypeError(f"explain() takes a Value, got {root!r} ({type(root).__name__})")
    return _Explanation(root, digits, title, formula).document(picture)


class _Explanation:
    def __init__(self, root: Value, digits: int, title: str, formula: Formula | None) -> None:
        if len(topological_order(root)) > MOST_STEPS:
            steps = f"{len(topological_order(root)):,}"
            raise ValueError(
                f"the graph has {steps} values: more than the {MOST_STEPS} that can be explained one by one"
            )
        for node in topological_order(root):
            if node._by_hand:
                raise TypeError(
                    f"{node!r} has a _backward written by hand, of which no derivative can be shown: make an operation of "
                    "it, with @operation or Op, whose derivatives are formulas"
                )
        root = copy.deepcopy(root)
        root.zero_grad()
        root.backward()
        self.root, self.n, self.title = root, Numbers(digits), title
        self.order = topological_order(root)
        self.names = self._names()
        self.steps = [node for node in self.order if node.parents]
        self.leaves = [node for node in self.order if not node.parents and node.kind != "constant"]
        self.formula = formula or self._formula()

    def _names(self) -> dict[Value, str]:
        """Name every value by its label, where it has one of its own, else v1, v2, ...; the result f."""
        labels = [node.label for node in self.order]
        taken = {label for label in labels if labels.count(label) == 1}
        names, count = {}, 0
        for node in self.order:
            if node.kind == "constant":
                continue
            if node.label and node.label in taken:
                names[node] = node.label
            elif node is self.root and "f" not in taken:
                names[node] = "f"
            else:
                count += 1
                while f"v{count}" in taken:
                    count += 1
                names[node] = f"v{count}"
        return names

    def _formula(self) -> Formula | None:
        made: dict[Value, Formula] = {}
        for node in self.order:
            if node.parents:
                if not isinstance(node._operation, Op):
                    return None
                made[node] = Formula(node._operation, *(made[x] for x in node.parents))
            else:
                made[node] = Formula(self.names.get(node, node.data))
        return made[self.root]

    def latex(self, node: Value) -> Text:
        """Print a value's name; a constant's number."""
        return Text(name_in_latex(self.names[node])) if node in self.names else self.n.shown(node.data)

    def operation(self, node: Value, *operands: Text) -> str:
        if isinstance(node._operation, Op):
            return printed(node._operation, *operands)
        return rf"{name_in_latex(str(node._operation) or 'g')}\left({', '.join(operands)}\right)"

    def document(self, picture: str) -> Document:
        blocks: list[Any] = []
        top = self.latex(self.root)
        blocks.append(Heading("1. What is given"))
        shown = self._printed(self.formula) if self.formula else ""
        if shown and self.steps:
            blocks.append(Equation(chain(top, ("=", shown))))
        given = {self.names[node]: node.data for node in self.leaves}
        if self.leaves:
            lines = [line for node in self.leaves for line in chain(self.latex(node), self.result(node.data))]
            blocks.append(Equation(tuple(lines), given))
        if picture:
            blocks.append(Picture(picture, "The computation graph."))
        if self.steps:
            blocks += self._forward() + self._local() + self._backward()
            if shown:
                blocks += self._formulas()
        return Document(self.title or f"Worked derivative: {self.names.get(self.root, 'a constant')}", tuple(blocks))

    def result(self, x: float) -> tuple[str, str]:
        return self.n.side(self.n(x))

    def _forward(self) -> list[Any]:
        lines: list[Line] = []
        for node in self.steps:
            symbolic = "=", self.operation(node, *map(self.latex, node.parents))
            numbers = self.n.side(self.operation(node, *(self.n(x.data) for x in node.parents)))
            lines += chain(self.latex(node), symbolic, numbers, self.result(node.data))
        return [
            Heading("2. Forward: one operation after another"),
            Equation(tuple(lines), {self.names[node]: node.data for node in self.steps}),
        ]

    def _parents(self, node: Value) -> list[Value]:
        return [x for x in dict.fromkeys(node.parents) if x in self.names]

    def _local(self) -> list[Any]:
        lines: list[Line] = []
        for node in self.steps:
            for parent in self._parents(node):
                number = self._slope(node, parent)
                sides = [self.result(number)]
                symbol = self._partial(node, parent)
                if symbol is not None and symbol.names:
                    names = {name: name_in_latex(name) for name in symbol.names}
                    sides.insert(0, ("=", symbol.print("latex", names)))
                lines += chain(derivative(self.latex(node), self.latex(parent)), *sides)
        return [
            Heading("3. Local derivatives"),
            Paragraph("How each step changes when one of its operands does, the others held."),
            Equation(tuple(lines)),
            *(Paragraph(plain(f"{kink}."), "kink") for kink in kinks(self.root)),
        ]

    def _slope(self, node: Value, parent: Value) -> float:
        return sum(slope for x, slope in zip(node.parents, node.local_gradients, strict=True) if x is parent)

    def _partial(self, node: Value, parent: Value) -> Formula | None:
        """Apply the record's partial to names: all places where the parent stands, added."""
        op = node._operation
        if not isinstance(op, Op):
            return None
        operands = [Formula(self.names.get(x, x.data)) for x in node.parents]
        out = Formula(self.names[node])
        try:
            parts = [op.partials[i](out, *operands) for i, x in enumerate(node.parents) if x is parent]
            return (Formula(0.0) + sum(parts[1:], parts[0])).simplified()
        except Exception:  # noqa: BLE001 - a user's partial may want numbers
            return None

    def _backward(self) -> list[Any]:
        top = self.latex(self.root)
        users: dict[Value, list[Value]] = {}
        for node in self.steps:
            for parent in self._parents(node):
                users.setdefault(parent, []).append(node)
        lines: list[Line] = []
        values: dict[str, float] = {}
        for node in reversed(self.order):
            if node is self.root or node not in self.names:
                continue
            symbols: list[Text] = []
            numbers: list[Text] = []
            for user in users[node]:
                local = Text(derivative(self.latex(user), self.latex(node)))
                slope = self.n(self._slope(user, node))
                if user is self.root:  # whose gradient is 1
                    symbols.append(local)
                    numbers.append(slope)
                else:
                    symbols.append(printed(ops.mul, derivative(top, self.latex(user)), local))
                    numbers.append(printed(ops.mul, self.n(user.grad), slope))
            symbol = "=", total(symbols)
            substituted = self.n.side(total(numbers))
            sides = [symbol, substituted, self.result(node.grad)]
            if len(users[node]) == 1 and users[node][0] is self.root:
                sides = sides[-1:]
            lines += chain(derivative(top, self.latex(node)), *sides)
            values[f"∂{self.names[self.root]}/∂{self.names[node]}"] = node.grad
        return [
            Heading("4. Backward: the chain rule"),
            Paragraph(
                f"From ${top}$ back to what is given: a value's gradient is the gradient of each step that uses it times that "
                "step's local derivative; what comes back from several steps is added."
            ),
            Equation(tuple(lines), values),
        ]

    def _printed(self, formula: Formula) -> str:
        try:
            shown = formula.print("latex", {name: name_in_latex(name) for name in formula.names})
        except ValueError:
            return ""
        return shown if len(shown) <= _LONGEST_FORMULA else ""

    def _derived(self, name: str) -> str:
        try:
            return self._printed(self.formula.derivative(name)) if self.formula else ""
        except Exception:  # noqa: BLE001 - as above
            return ""

    def _formulas(self) -> list[Any]:
        lines: list[Line] = []
        for node in self.leaves:
            slope = self._derived(self.names[node])
            if slope:
                left = derivative(self.latex(self.root), self.latex(node))
                sides = [("=", slope), self.result(node.grad)]
                lines += chain(left, *sides)
        if not lines:
            return []
        return [
            Heading("5. The derivatives as formulas"),
            Paragraph("The same local derivatives multiplied with names instead of numbers."),
            Equation(tuple(lines)),
        ]
