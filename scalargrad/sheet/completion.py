"""What words add to the equations of a text: networks, losses, points, statistics, and updates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from scalargrad import ops
from scalargrad.sheet.fragments import Marked
from scalargrad.sheet.grammar import flat
from scalargrad.sheet.meanings import Notes
from scalargrad.sheet.phrases import ACTIVATIONS
from scalargrad.sheet.problem import Equation, Problem, Reader, Update, plain_names
from scalargrad.sheet.records import FUNCTIONS, RECORDS
from scalargrad.sheet.scope import Scope
from scalargrad.sheet.terms import CALL, DERIV, JUX, LIST, PRIME, ROWS, SUB, Term
from scalargrad.sheet.tokens import LanguageError, tokens
from scalargrad.sheet.updates import RULES

RATES = ("eta", "alpha", "lr", "learning_rate", "rate", "gamma")
TARGETS = ("y", "t", "target", "d", "label")  # what a text calls the wanted output
_WEIGHTS = ("w", "W", "theta", "Theta", "U", "V", "weight", "weights")
_BIASES = ("b", "B", "bias", "c")


class Completion:
    """Adds to a text's equations what its notes mean."""

    def __init__(self, marked: Marked, notes: Notes, reader: Reader, again: list[Equation]) -> None:
        self.marked, self.notes, self.reader, self.again = marked, notes, reader, again
        self.error = marked.error
        self.axis = "_rows" if "by row" in notes else "_columns" if "by column" in notes else ""

    def equations(self, equations: list[Equation]) -> list[Equation]:
        """Return the equations with what words add to them."""
        names = {e.name for e in equations}
        if self.axis:
            equations = [Equation(e.left, _along_axis(e.right, self.axis), e.ranges, e.line) for e in equations]
        if "zero bias" in self.notes:
            missing = [
                name
                for name in ("b", "b1", "b2")
                if name not in names and any(name in plain_names(e.right) for e in equations)
            ]
            equations += [Equation(Term(name), Term(0.0), (), self.notes["zero bias"]) for name in missing]
        if (
            "softmax" in self.notes
            and "logits" in self.notes
            and str(flat(self._term(self.notes["softmax"]))) not in names
        ):
            equations.append(
                Equation(
                    self._term(self.notes["softmax"]), Term(FUNCTIONS["softmax"], self._term(self.notes["logits"]))
                )
            )
        functions = [e for e in equations if e.left.head is CALL]
        if "point" in self.notes and functions and functions[0].parameters[0] not in names:
            values = self._term(self.notes["point"]).operands
            if len(values) == len(functions[0].parameters):
                equations += [
                    Equation(Term(name), value) for name, value in zip(functions[0].parameters, values, strict=True)
                ]
        if "pooling" in self.notes and "output" in self.notes:
            name, size, stride = self.notes["pooling"]
            inputs = [e.name for e in equations if e.right.head is ROWS and e.left.head is not DERIV]
            if len(inputs) == 1:
                pooled = Term(RECORDS[name], inputs[0], size, stride)
                equations.append(Equation(self._term(self.notes["output"]), pooled))
        equations += list(self.statistics(equations))
        if "edges" in self.notes:  # out = 1/(1 + e^(-net)) says what the activation is, of no unit in particular
            equations = [e for e in equations if not (e.right.head is ops.div and "exp(-net)" in str(e.right))]
        equations += self.edges()
        equations += self.network(equations)
        equations += self.losses(equations)
        if "arguments" in self.notes:
            equations += self.named_arguments(equations)
        for note, order in (("jacobian", 1.0), ("hessian", 2.0)):
            if note in self.notes and functions:
                name = self._matrix(note)
                equations.append(Equation(Term(str(flat(name))), Term(PRIME, functions[0].left.operands[0], order)))
        if "eigenvalues" in self.notes and "hessian" in self.notes:
            equations.append(Equation(Term("lambda"), Term(RECORDS["eigenvalues"], self._matrix("hessian"))))
        equations += list(self.short_names(equations))
        equations += list(self.deltas(equations))
        equations += list(self.points())
        return list(self.lengths(equations))

    def _matrix(self, note: str) -> Term:
        """Return the name that the text gives to the Hessian or the Jacobian."""
        return Term("H") if self.notes[note] is True else self._term(self.notes[note])

    # Networks and losses in words.

    def edges(self) -> Iterator[Equation]:
        """Yield the equations of a network of which the text lists the connections: w1 from i1 to h1."""
        edges = [tuple(map(self._term, edge)) for edge in self.notes.get("edges", [])]
        layers, biases = self.notes.get("layers", {}), self.notes.get("shared biases", {})
        spoken = {name for fragment in self.marked.fragments for name in re.findall(r"\w+", fragment.text)}
        if biases.keys() & {"hidden", "output"} == set() and edges and "no bias" not in self.notes:
            raise self.error(
                1, "has the network biases? Say that there are none, or write z = w1 x1 + ... + b for each unit"
            )
        nodes = list(dict.fromkeys(target for _, _, target in edges))

        def named(prefix: str, node: Term) -> Term:
            return (
                Term(SUB, prefix, node)
                if f"{prefix}_{flat(node)}" in spoken
                else node
                if prefix == "out"
                else Term(SUB, "z", node)
            )

        for node in nodes:
            where = "hidden" if any(source == node for _, source, _ in edges) else "output"
            if where not in layers and "all" not in layers:
                raise self.error(1, f"what is the activation of {node}? Say it, or write the equations")
            function, slope = layers.get(where, layers.get("all"))
            net = named("net", node)
            terms = [
                Term(JUX, w, named("out", source) if source in nodes else source)
                for w, source, target in edges
                if target == node
            ]
            terms += [self._term(biases[where])] if where in biases else []
            total = terms[0]
            for term in terms[1:]:
                total = Term(ops.add, total, term)
            yield Equation(net, total)
            arguments = (net, Term(float(slope))) if slope else (net,)
            applied = (
                Term(FUNCTIONS[function], net)
                if function in FUNCTIONS
                else net
                if function == "linear"
                else Term(CALL, function, *arguments)
            )
            yield Equation(named("out", node), applied)

    def network(self, equations: list[Equation]) -> list[Equation]:
        """Return the equations of a network of which words alone say what its layers do."""
        names = {e.name for e in equations}
        count = next(n for n in range(100) if f"W{n + 1}" not in names)
        for equation in [e for e in equations if "W" in plain_names(e.right) and "W" not in names and count]:
            self.notes.setdefault(
                "rows",
                str(equation.right).index("W") > str(equation.right).index("x")
                if "x" in str(equation.right)
                else False,
            )
            equations.remove(equation)  # z = x W + b of any layer
        if not count or any("W1" in plain_names(e.right) for e in equations):
            return []
        source: str | None = next((name for name in ("x", "X", "a0", "h0") if name in names), None)
        if source is None:
            raise self.error(1, "the input of the network is missing: write x = (..., ...)")
        layers = self.notes.get("layers", {})
        out: list[str] = []
        for k in range(1, count + 1):
            where = "output" if k == count else "hidden"
            if where not in layers and "all" not in layers:
                raise self.error(
                    1,
                    f"what is the activation of the {where} layer? Write h = f(W{k} x + b{k}) or say, for instance, that it is sigmoid",
                )
            function, slope = layers.get(where, layers.get("all"))
            target = "ŷ" if k == count else "h" if count == 2 else f"h_{k}"
            bias = f" + b_{k}" if f"b{k}" in names else ""
            if not bias and "no bias" not in self.notes:
                raise self.error(1, f"is there a bias in layer {k}? Write b_{k} = ..., or say that there is none")
            flat_weights = any(e.name == f"W{k}" and e.right.head is LIST for e in equations)
            product = f"{source} W_{k}" if self.notes.get("rows") else f"W_{k}{' ·' * flat_weights} {source}"
            out += [
                f"z_{k} = {product}{bias}",
                f"{target} = {function}(z_{k}{', ' + slope if slope else ''})"
                if function != "linear"
                else f"{target} = z_{k}",
            ]
            source = target
        return list(
            Problem.read("\n".join([*out, *(f"{name} = 0" for name in names if "(" not in name)])).equations[
                : 2 * count
            ]
        )

    def losses(self, equations: list[Equation]) -> list[Equation]:
        """Return the loss that words alone state, of the one output that nothing is made of."""
        if "losses" not in self.notes and "class" not in self.notes:
            return []
        if any(part.head in (ops.log, ops.xlogy) for e in equations for part in e.right.walk()):
            self.notes.pop("class", None)  # the loss is written out
            return []
        used = {name for e in equations for name in (*plain_names(e.right), *e.right.names)}
        outputs = [
            (str(flat(e.left.operands[0])) if e.variables else e.name)
            for e in equations
            if not e.is_given and e.name not in used and e.left.head is not CALL and e.left.head is not DERIV
        ]
        targets = [e.name for e in equations if e.is_given and e.name not in used and e.name in TARGETS]
        if len(outputs) != 1:
            return []
        if (
            "class" in self.notes
            and not targets
            and self.notes.get("losses", [(0, "crossentropy")])[0][1].find("crossentropy") >= 0
        ):
            self.notes["class"], number = None, self.notes["class"]
            return [Equation(Term("L"), Term(ops.neg, Term(ops.log, Term(SUB, outputs[0], float(number)))))]
        if len(targets) != 1 or "losses" not in self.notes:
            return []
        line, meaning = self.notes.pop("losses")[0]
        self.notes["loss in words"] = True
        if (
            meaning == "L = bce(TARGET, OUTPUT)"
            and "y" in targets
            and any(e.name == "y" and e.right.head in (LIST, ROWS) and len(e.right.operands) > 1 for e in equations)
        ):
            raise self.error(
                line,
                "is the binary cross-entropy added up over the outputs, or averaged? Write the loss as an equation",
            )
        text = meaning.replace("OUTPUT", "outputs").replace("TARGET", "targets")
        equation = Reader([(line, text, None)]).problem().equations[0]
        return [Equation(equation.left, equation.right.put({"outputs": Term(outputs[0]), "targets": Term(targets[0])}))]

    def lengths(self, equations: list[Equation]) -> Iterator[Equation]:
        """Read the square of a vector in a loss, ½(ŷ - y)², as the sum of the squares of its entries."""
        used = {name for e in equations for name in plain_names(e.right)}
        for equation in equations:
            squares = [
                part
                for part in equation.right.walk()
                if part.head is ops.pow and part.operands[1] == Term(2.0) and not part.operands[0].is_number
            ]
            if squares and equation.name not in used and not equation.variables and equation.left.head is not CALL:
                try:
                    scope = Scope(Problem(tuple(equations)))
                    worth = scope.find(Term(equation.name))
                except (LanguageError, ValueError, ArithmeticError):
                    worth = None
                if worth is not None and len(worth.array.shape) == 1:
                    right = equation.right.replaced({part: Term(RECORDS["sum"], part) for part in squares}.get)
                    yield Equation(equation.left, right, equation.ranges, equation.line)
                    continue
            yield equation

    def statistics(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield equations for `mean` and `var` without arguments: those of the one array beside them."""
        arrays = {e.name for e in equations if e.right.head in (ROWS, LIST)}
        for word in ("mean", "var", "std"):
            for equation in equations:
                used = plain_names(equation.right)
                if word in used and word not in {e.name for e in equations}:
                    beside = used & arrays
                    if len(beside) != 1:
                        raise self.error(equation.line, f"{word} of what? Write {word}(x)")
                    if not self.axis and any(
                        e.right.head is ROWS and len(e.right.operands) > 1 for e in equations if e.name in beside
                    ):
                        raise self.error(
                            equation.line,
                            f"{word} over what? Write {word}(x, axis=0) (of each column) or {word}(x, axis=1)",
                        )
                    yield Equation(
                        Term(word),
                        _along_axis(
                            self.reader.expression(f"{word}(x)", list(tokens(f"{word}({beside.pop()})"))), self.axis
                        ),
                    )
                    break

    def _term(self, text: str) -> Term:
        return self.reader.expression(text, list(tokens(text)))

    def named_arguments(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield equations for the arguments of a function that the text gives names."""
        word, names = self.notes["arguments"]
        function = FUNCTIONS.get(ACTIVATIONS.get(word.lower(), word.lower()))
        calls = [
            part.operands[-1]
            for e in equations
            if e.left.head is not CALL
            for part in e.right.walk()
            if part.head is function or (part.head is CALL and FUNCTIONS.get(str(part.operands[0].head)) is function)
        ]
        for name, argument in zip(names, dict.fromkeys(calls), strict=False):
            yield Equation(self._term(name), argument)

    def short_names(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield dz = ∂L/∂z for each such name that the text uses."""
        for short, long in self.notes.get("short", {}).items():
            derivative = self._term(long)
            if derivative.head is not DERIV:
                raise self.error(1, f"{short} stands for {long}: a derivative, such as ∂L/∂z, is needed")
            yield Equation(Term(short), derivative)
            loss = derivative.operands[0]
            for fragment in self.marked.fragments:
                for name in re.findall(r"\bd[A-Za-z]\w*\b", fragment.text):
                    if name not in self.notes["short"] and name[1:] in {e.name for e in equations}:
                        yield Equation(Term(name), Term(DERIV, loss, Term(name[1:])))

    def deltas(self, equations: list[Equation]) -> Iterator[Equation]:
        """Yield delta_h1 = ∂E/∂net_h1 for each delta that the text speaks of."""
        names = {e.name for e in equations}
        if "deltas" in self.notes:
            loss = self._term(self.notes["deltas"])
            for text in dict.fromkeys(fragment.text for fragment in self.marked.fragments):
                if found := re.fullmatch(r"\\?(?:delta|δ)_?\{?(\w+?)\}?", text):
                    net = next(
                        (
                            f"{base}{found[1]}"
                            for base in ("net_", "z_", "z", "a_", "a")
                            if f"{base}{found[1]}" in names
                        ),
                        None,
                    )
                    if net and f"delta_{found[1]}" not in names:
                        yield Equation(self._term(text), Term(DERIV, loss, net))

    def points(self) -> Iterator[Equation]:
        """Read points in a row, (x, y): (1, 2), (2, 4), as the vectors x and y."""
        names, *rows = (text.strip("()").split(",") for text in self.notes.get("points", ["()"]))
        for name, column in zip(names, zip(*rows, strict=True), strict=False):
            yield Equation(Term(name.strip()), Term(LIST, *map(self._term, column)))

    # Updates.

    def updates(self, problem: Problem) -> tuple[Update, ...]:
        """Return the updates that the text asks for."""
        rate = self.notes.get("rate")
        given = {e.name: e for e in problem.equations if e.is_given}
        words = [str(flat(self._term(self.notes["rate name"])))] if "rate name" in self.notes else []
        name = next((n for n in [*words, *RATES] if n in given), None)
        for parameter in (
            e.parameters[0] for e in problem.equations if len(e.parameters) == 1 and f"{e.parameters[0]}0" in given
        ):
            asked = [
                int(k[1])
                for f in self.marked.fragments
                if (k := re.fullmatch(r"(?:\w*[A-Za-zα-ω])_?\{?(\d)\}?", unicodedata.normalize("NFKC", f.text)))
                and f.text.startswith(parameter[0])
            ]
            self.notes["steps"] = max([self.notes.get("steps", 1), *asked])
        eta = Term(float(rate)) if rate is not None else Term(name) if name else None
        if self.again:
            return (self.stated_update(problem),)
        if "optimiser" in self.notes and eta is None and not any(e.variables for e in problem.equations):
            raise self.error(1, f"{self.notes['optimiser']} needs a learning rate: eta = ...")
        if eta is None or not {"steps", "descent", "updated", "optimiser"} & set(self.notes):
            return ()
        found = []
        if not any(name in plain_names(e.right) for e in problem.equations if not e.is_given):
            rule, constants = self.notes.get("optimiser", "gradient descent"), [("eta", eta)]
            constants += [(c, Term(c)) for c in RULES[rule].constants if c != "eta" and c in given]
            if "beta" in self.notes:
                constants.append(("beta", Term(float(self.notes["beta"]))))
            found.append(
                Update(
                    rule,
                    self.parameters(problem, given),
                    tuple(constants),
                    self.notes.get("steps", 1),
                    self.loss(problem),
                )
            )
        if "comparison" in self.notes:
            found.append(
                Update(
                    "gradient descent",
                    self.parameters(problem, given),
                    (("eta", eta),),
                    self.notes["comparison"],
                    self.loss(problem),
                    "without momentum",
                )
            )
        if not all(update.parameters for update in found):
            raise self.error(1, "what does the update change? Name it, as in: update w and b")
        return tuple(found)

    def parameters(self, problem: Problem, given: dict[str, Equation]) -> tuple[Term, ...]:
        """Return what an update changes: what the text names, or all weights and biases; of a function its argument at the start."""
        for equation in problem.equations:
            if len(equation.parameters) == 1 and f"{equation.parameters[0]}0" in given:
                return (Term(f"{equation.parameters[0]}0"),)
        found = tuple(Term(n) for n in given if self.is_parameter(n))
        functions = [e.parameters for e in problem.equations if e.parameters and set(e.parameters) <= set(given)]
        return found or (tuple(map(Term, functions[0])) if len(functions) == 1 else ())

    def loss(self, problem: Problem) -> Term | None:
        """Return the loss that a function of its start is: L(w_0)."""
        for equation in problem.equations:
            if len(equation.parameters) == 1 and f"{equation.parameters[0]}0" in {e.name for e in problem.equations}:
                return Term(CALL, equation.left.operands[0], f"{equation.parameters[0]}0")
        return None

    def stated_update(self, problem: Problem) -> Update:
        """Return the update that assignments such as v = beta v - lr g; x = x + v state."""
        equations = self.again
        parameter = equations[-1].name
        names = {"grad": "g", "gradient": "g", f"d{parameter}": "g", parameter: "w"}
        own = {e.name for e in equations}

        def renamed(part: Term) -> Term | None:
            if part.head is CALL and part.operands[0].head is PRIME:
                return Term("g")
            return Term(names[part.head]) if part.is_name and part.head in names else None

        text = "; ".join(f"{names.get(e.name, e.name)} = {e.right.replaced(renamed)}" for e in equations)
        constants = {name for e in equations for name in plain_names(e.right)} - own - {*names, "g", "t", "w"}
        starts = [e for e in problem.equations if e.name in own - {parameter} and e.is_given and e.right.head != 0]
        if starts:
            raise self.error(starts[0].line, f"{starts[0].name} starts at {starts[0].right}: states start at 0")
        given = {e.name: e for e in problem.equations if e.is_given}
        used = {name for e in problem.equations for name in (*plain_names(e.right), *e.parameters)}
        if parameter in given and parameter not in used:
            raise self.error(equations[-1].line, f"{parameter} is updated, but nothing is made of it")
        parameters = (Term(parameter),) if parameter in given else self.parameters(problem, given)
        return Update(
            "as stated",
            parameters,
            tuple((name, self.constant(name, given)) for name in sorted(constants)),
            self.notes.get("steps", 1),
            None,
            "",
            text,
        )

    def constant(self, name: str, given: dict[str, Equation]) -> Term:
        """Return the value of a constant of a stated update; a rate may be said in words."""
        return (
            Term(float(self.notes["rate"]))
            if name not in given and name in RATES and "rate" in self.notes
            else Term(name)
        )

    def is_parameter(self, name: str) -> bool:
        """Say whether a given quantity is one that training changes."""
        if names := self.notes.get("updated"):
            return name in {str(flat(self._term(text))) for text in names}
        base = re.match(r"[A-Za-z]*", name)[0]  # type: ignore[index]
        return base in (*_WEIGHTS, *(() if self.notes.get("biases fixed") else _BIASES))


def _along_axis(term: Term, end: str) -> Term:
    def change(part: Term) -> Term | None:
        name = getattr(part.head, "name", "")
        if part.head is CALL and part.operands[0].is_name and part.operands[0].head in ("var", "std"):
            return Term(CALL, part.operands[0].head + end, *part.operands[1:])
        return Term(RECORDS[name + end], *part.operands) if name in ("softmax", "mean", "logsumexp") else None

    return term.replaced(change)


def differences(function: Equation, step: str) -> Term:
    """Return the central differences of a function by each of its arguments."""
    name, *arguments = function.left.operands
    epsilon = flat(Term({"ε": "epsilon"}.get(step.strip(), step.strip())))

    def moved(i: int, op: Any) -> Term:
        return Term(CALL, name, *(Term(op, x, epsilon) if i == j else x for j, x in enumerate(arguments)))

    return Term(
        LIST,
        *(
            Term(ops.div, Term(ops.sub, moved(i, ops.add), moved(i, ops.sub)), Term(ops.mul, 2.0, epsilon))
            for i in range(len(arguments))
        ),
    )
