"""The table of operations: value, partial derivatives and printing of every record, against mpmath."""

import contextlib
import doctest
import itertools
import math
import operator
import random
import re
import string
import sys

import pytest
from mpmath import mp, mpf
from points import OF_ORDER, POINTS, STEPS, TRUTH, exact, size_of, slope

import scalargrad
from scalargrad import grad
from scalargrad.modes import ieee
from scalargrad.op import Op, Text
from scalargrad.ops import OPERATIONS, TABLE

# How many ulps a value may err by; 1 for what is not named.
TWO_ULPS = (  # libm's own error, or a composition of two roundings
    *("tanh", "erf", "sinh", "sigmoid", "softplus"),
    *("logaddexp", "xlogy", "xlog1py"),
)
HELPERS = (  # partials of others: they have a partial's tolerance
    *("power_rule", "power_term", "sech_squared", "gaussian"),
    *("arcsin_slope", "arctan_slope", "sigmoid_slope", "hypot_slope", "logaddexp_slope"),
    *("ndtr_slope", "log_ndtr_slope", "polygamma_step"),
)
ULPS = dict.fromkeys(TWO_ULPS, 2) | dict.fromkeys(HELPERS, 4)
STATED = re.compile(r"within (\d+) ulp")  # in the first line of what is said of a special function
PARTIAL_ULPS = 4
PARTIALS = {"erfinv": 6, "erfcinv": 6, "ndtri": 8}  # made of their value, and as far from the truth
TINY = sys.float_info.min  # subnormal results have fewer digits, so they are excepted

SLOW = ("betaln", "polygamma_step")  # for mpmath

every_operation = pytest.mark.parametrize("op", TABLE.values(), ids=TABLE)


def ulps(got, truth, size=0):
    """By how many units in the last place a float misses the truth; 0 where the truth is no normal float.

    Of the truth's last place, or of that of what it is a difference of.
    """
    normal = abs(float(truth))
    if truth and not TINY <= normal < math.inf:
        return 0.0
    if not math.isfinite(got):
        return math.inf
    return float(abs(mpf(got) - truth) / mpf(math.ulp(max(normal, float(size)))))


def allowed_ulps(op, point, truth):
    """How many ulps a value may err by."""
    stated = STATED.search((op.__doc__ or "").partition("\n")[0])
    if stated is None:
        return ULPS.get(op.name, 1)
    if op.name in OF_ORDER:
        return int(stated[1]) * 3 ** max(0, abs(point[0]) - 1)
    return int(stated[1]) + (3 * abs(mp.log(truth)) if op.name == "beta" and truth else 0)


def normal(x):
    return x == 0 or TINY <= abs(x) < math.inf


def value_and_partials(Value, op, point):
    """What, its index, got, truth and how many ulps are allowed: for the value, and for each partial."""
    node = op(*map(Value, point))
    truth = exact(TRUTH[op.name], point)
    yield "value", 0, node.data, truth, allowed_ulps(op, point, truth)
    if not normal(node.data):
        return  # a partial that is made of a subnormal has no more digits than that
    if op.name in HELPERS:
        return  # theirs are second derivatives: see below
    for i, got in enumerate(node.local_gradients):
        slope_truth = exact(slope(TRUTH[op.name], i), point)
        allowed = PARTIALS.get(op.name, PARTIAL_ULPS) * (3 ** abs(point[0]) if op.name in OF_ORDER else 1)
        if op.name in ("gamma", "beta"):  # a product of the value
            allowed += allowed_ulps(op, point, truth)
        yield f"partial {i}", i + 1, got, slope_truth, allowed


def misses(Value, op, points):
    return [
        f"{op.name}{point} {what}: {got!r} is {ulps(got, truth):.3g} ulps off {mp.nstr(truth, 20)}"
        for point in points
        for what, index, got, truth, allowed in value_and_partials(Value, op, point)
        if (truth is not None and not ulps(got, truth, size_of(op, index, point)) <= allowed)
        or (truth is None and not math.isnan(got))
    ]


def wide_range(op, count=300):
    """Random points over all magnitudes at which the operation has a normal value."""
    rng, points = random.Random(f"wide range of {op.name}"), []
    for decades in (1, 3, 20, 150, 300):
        kept = 0
        for _ in range(20_000):
            point = tuple(rng.choice((-1, 1)) * 10 ** rng.uniform(-decades, decades) for _ in op.partials)
            if op.name in OF_ORDER:
                point = (float(rng.randrange(3)), *point[1:])
            try:
                out = op(*point)
            except (ArithmeticError, ValueError):
                continue
            if op.name == "logaddexp" and abs(out) < max(map(abs, point)) / 2:
                continue  # two terms cancel
            if op.name == "beta" and max(abs(math.log10(x)) for x in point) > 100:
                continue  # a factor of its partials may be too small
            if op.name.startswith("polygamma") and not -100 < point[1] < 1e100:
                continue  # which takes mpmath long
            if op.name in STEPS and abs(point[0] / (*point, 1.0)[1]) > 1e9:
                continue
            if abs(out) >= TINY or op.name in ("relu", "greater", "equal", *STEPS):
                points.append(point)
                kept += 1
                if kept == count // 5:
                    break
    return points


@every_operation
def test_record_is_complete(op):
    module = sys.modules[op.__module__]
    assert module in (scalargrad.ops, scalargrad.special)
    assert op is TABLE[op.name] is getattr(module, op.name)
    if op.name in OPERATIONS:
        assert op is getattr(scalargrad, op.name)
        assert op.name in module.__all__
    else:
        assert not hasattr(scalargrad, op.name), "a helper of the partials is no public name"
    assert TRUTH.get(op.name), "an operation needs a row in tests/points.py"
    assert len(POINTS[op.name]) >= 3
    assert {len(point) for point in POINTS[op.name]} == {len(op.partials)}, "one partial for each argument"
    assert op.symbol
    for style in ("text", "latex"):
        fields = [field for _, field, *_ in string.Formatter().parse(getattr(op, style)) if field is not None]
        operands = {field or str(i) for i, field in enumerate(fields)}
        assert operands == {str(i) for i in range(len(op.partials))}, f"{style} shows every operand"
    assert 1 <= op.precedence <= 4
    assert op.__doc__.partition("\n")[0].endswith("."), "one sentence, then an example"


@every_operation
def test_example_in_doc_runs(op):
    # doctest looks for functions and classes; a record is an instance.
    examples = doctest.DocTestParser().get_doctest(op.__doc__, dict(TABLE), op.name, None, None)
    report = []
    result = doctest.DocTestRunner().run(examples, out=report.append)
    assert result.attempted >= 1, "the doc of an operation holds an example"
    assert not result.failed, "".join(report)


def test_no_row_without_operation():
    assert set(TRUTH) == set(TABLE)


@every_operation
def test_value_and_partials_at_chosen_points(op, Value):
    assert not misses(Value, op, POINTS[op.name])


@every_operation
def test_value_and_partials_over_wide_range(op, Value):
    points = wide_range(op, 120 if op.name in SLOW else 300)
    assert len(points) >= 120
    found = misses(Value, op, points)
    assert not found, f"{len(found)} of {len(points)}"


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_derivatives_of_a_whole_power_at_zero(Value, n):
    # d^k/dx^k x**n at 0 is n! for k = n, and 0 for any other k: no partial may meet log 0 or 0 * inf on the way.
    x = Value(0.0)
    first = TABLE["pow"](x, n)
    node = TABLE["power_rule"](x, n)  # the first derivative
    derivatives = [first.data, node.data]
    factor, exponent = 1.0, float(n)
    for _ in range(n):
        node.backward()
        derivatives.append(factor * x.grad)
        x.zero_grad()
        factor, exponent = factor * exponent, exponent - 1
        node = TABLE["power_rule"](x, exponent)
    assert derivatives == [math.factorial(n) if k == n else 0.0 for k in range(n + 2)]


# Higher derivatives: of what is recorded by the partials, written once, against differences of the value in many digits.

EDGES = (0.0, 1e-100, 1e-20, 1e-9, 0.3, 0.9999999999, 1.0, 2.5, 30.0, 1e10, 1e100)  # with either sign, and near 0 and 1
STENCILS = (
    ((0, 1.0),),
    ((1, 0.5), (-1, -0.5)),
    ((1, 1.0), (0, -2.0), (-1, 1.0)),
    ((2, 0.5), (1, -1.0), (-1, 1.0), (-2, -0.5)),
)
KINKED = ("abs", "maximum", "minimum", "relu", "where", "greater", "equal", "holds", "copysign", *STEPS)
SMOOTH = [op for op in TABLE.values() if op.name not in KINKED]

LOST = {  # derivatives that are small differences of what is made of records
    "log_ndtr": lambda orders, x: orders == (3,) and x < -100,
    "log_ndtr_slope": lambda orders, x: orders == (2,) and x < -100,
    "beta": lambda orders, x, y: orders == (1, 1) and min(x, y) < 0.1,
}


def higher_derivative(op, orders, point):
    """A derivative of so many orders in each argument: differences so near that 150 digits of them are exact.

    Of special functions, which take long to compute, 50 digits. None where the point is at the border of the domain.
    """
    function, bits = TRUTH[op.name], 300 if op.name in vars(scalargrad.ops) else 100
    magnitudes = [math.frexp(float(x))[1] for x in point]
    steps = [min(0, m if x else min(magnitudes)) - bits for m, x in zip(magnitudes, point)]
    room = max(0, *(-m if bits == 300 else abs(m) for m in magnitudes))
    with mp.workprec(11 * bits + 100 + 4 * room):
        total = mpf(0)
        for nodes in itertools.product(*(STENCILS[order] for order in orders)):
            moved = [mpf(x) + mpf(2) ** step * k for x, step, (k, _) in zip(point, steps, nodes)]
            out = exact(function, moved, mp.prec)
            if out is None:
                return None
            total += out * math.prod(weight for _, weight in nodes)
        return total / mpf(2) ** sum(map(operator.mul, steps, orders))


def higher_misses(op, orders, point):
    """What is lost of a derivative's digits, beyond what the nearest other points would change."""
    truth = higher_derivative(op, orders, point)
    if truth is None or abs(float(truth)) == math.inf or LOST.get(op.name, lambda *_: False)(orders, *point):
        return
    got = op
    for argument, order in enumerate(orders):
        for _ in range(order):
            got = grad(got, argument)
    with ieee():
        found = got(*point)
    near = [higher_derivative(op, orders, beside) for beside in neighbours(point)]
    moved = sum(abs(other - truth) for other in near if other is not None)
    if moved * 2**52 > sys.float_info.max:
        return  # it cancels, and what cancels overflows
    if not abs(found - truth) <= 1e-13 * abs(truth) + 2 * moved + (TINY if op.name in vars(scalargrad.ops) else 1e-250):
        yield f"{op.name}{point}, derivative {orders}: {found!r}, not {mp.nstr(truth, 20)}"


def neighbours(point):
    for i, x in enumerate(point):
        if x:
            yield (*point[:i], mpf(x) * (1 + mpf(2) ** -52), *point[i + 1 :])


def edges(op):
    """Points of all magnitudes within the domain, a few dozen."""
    axis = [sign * x for x in EDGES[len(op.partials) > 1 :] for sign in (1, -1)]  # zeros of two: kinks and seams
    grid = list(itertools.product(axis, repeat=len(op.partials)))
    for point in random.Random(f"edges of {op.name}").sample(grid, min(len(grid), 40)):
        with contextlib.suppress(ArithmeticError, ValueError):
            op(*point)
            yield point


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_second_and_third_derivatives_keep_their_digits(op):
    arity, taken = len(op.partials), op.name in HELPERS  # a helper is a derivative already
    found = [
        miss
        for point in dict.fromkeys([*POINTS[op.name], *edges(op)])
        if (op.name, point[0]) != ("cbrt", 0)
        for orders in itertools.product(*(range(1 if op.name in OF_ORDER and i == 0 else 4) for i in range(arity)))
        if 2 <= taken + sum(orders) <= (3 if arity == 1 else 2)
        for miss in higher_misses(op, orders, point)
    ]
    assert not found


# Printing: random expressions as trees of (operation, operands) and names.


def random_tree(rng, depth):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice("abc")
    op = rng.choice(list(TABLE.values()))
    return (op, *(random_tree(rng, depth - 1) for _ in op.partials))


def fold(tree, apply, leaf):
    return leaf(tree) if isinstance(tree, str) else apply(tree[0], *(fold(t, apply, leaf) for t in tree[1:]))


def printed(tree, style="text"):
    return fold(tree, lambda op, *operands: op.print(*operands, style=style), Text)


def test_text_parses_back_to_the_same_value(Value):
    rng = random.Random(20)
    for _ in range(1500):
        tree = random_tree(rng, 4)
        names = {name: rng.choice((1, -1)) * rng.uniform(0.1, 3) for name in "abc"}
        with ieee():  # Values, since Python's own operators would raise, or give a complex number
            values = {name: Value(x) for name, x in names.items()}
            expected = fold(tree, lambda op, *xs: op(*xs), names.get)
            got = eval(printed(tree), {**TABLE, **values})
        assert got.data.hex() == expected.hex(), (printed(tree), names)


@pytest.mark.parametrize(
    ("tree", "text", "latex"),
    [
        (("sub", "a", ("sub", "b", "c")), "a - (b - c)", "a - (b - c)"),
        (("sub", ("sub", "a", "b"), "c"), "a - b - c", "a - b - c"),
        (("mul", ("add", "a", "b"), "c"), "(a + b)*c", r"(a + b) \cdot c"),
        (("div", "a", ("mul", "b", "c")), "a/(b*c)", r"\frac{a}{b \cdot c}"),
        (("pow", ("pow", "a", "b"), "c"), "(a**b)**c", "(a^{b})^{c}"),
        (("pow", "a", ("pow", "b", "c")), "a**b**c", "a^{b^{c}}"),
        (("neg", ("pow", "a", "b")), "-a**b", "-a^{b}"),
        (("pow", ("neg", "a"), ("neg", "b")), "(-a)**(-b)", "(-a)^{-b}"),
        (("neg", ("neg", "a")), "-(-a)", "-(-a)"),
        (("neg", ("add", "a", "b")), "-(a + b)", "-(a + b)"),
        (("exp", ("log1p", ("add", "a", "b"))), "exp(log1p(a + b))", r"e^{\ln\left(1 + (a + b)\right)}"),
    ],
)
def test_parentheses_stand_where_needed(tree, text, latex):
    def named(t):
        return t if isinstance(t, str) else (TABLE[t[0]], *map(named, t[1:]))

    assert (str(printed(named(tree))), str(printed(named(tree), "latex"))) == (text, latex)


def test_latex_is_balanced():
    rng = random.Random(21)
    for _ in range(300):
        latex = printed(random_tree(rng, 4), "latex")
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")


# What an Op is, apart from the table.


def test_op_needs_a_partial_for_each_argument():
    with pytest.raises(TypeError, match="one partial derivative for each argument"):
        Op("nothing", lambda x: x)


@every_operation
def test_wrong_number_of_arguments(op):
    with pytest.raises(TypeError, match=rf"{op.name}\(\) takes {len(op.partials)} arguments?, got 4"):
        op(1.0, 2.0, 3.0, 4.0)


def test_defaults_of_an_operation_someone_adds():
    op = Op("f", math.atan2, *[lambda out, x, y: 1.0] * 2)
    assert (op.symbol, op.text, repr(op)) == ("f", "f({}, {})", "<operation f>")
    assert op.print("a", "b") == "f(a, b)"
    assert op.print("a", "b", style="latex") == r"\operatorname{f}\left(a, b\right)"
