"""Networks, losses and optimisers against micrograd, PyTorch and closed forms."""

import builtins
import copy
import json
import math
import pickle
import random
from functools import partial
from math import inf, isnan, nan

import mpmath
import pytest

from scalargrad import Value, grad, hessian, ieee, jit, nn, optim, topological_order, value_and_grad


def network(**keywords):
    random.seed(7)
    return nn.MLP(3, [4, 2], **keywords)


def test_seeded_program_gives_micrograds_numbers():
    micrograd = pytest.importorskip("micrograd.nn")
    random.seed(1337)
    theirs = micrograd.MLP(2, [16, 16, 1])
    random.seed(1337)
    ours = nn.MLP(2, [16, 16, 1])
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]
    y, expected = ours([0.5, -1.25]), theirs([0.5, -1.25])
    assert y.data == expected.data
    y.backward()
    expected.backward()
    assert [p.grad for p in ours.parameters()] == pytest.approx([p.grad for p in theirs.parameters()], rel=1e-12)
    assert repr(ours) == repr(theirs)


def test_given_weights_draw_no_random_numbers():
    random.seed(3)
    state = random.getstate()
    nn.Layer.from_arrays([[1, 2]], [3])
    assert random.getstate() == state


def test_parameters_are_named_and_scoped():
    layers = network().layers
    names = [(p.label, p.scope, p.role) for p in layers[1].parameters()]
    assert names[0] == ("w11", ("output layer", "neuron 1"), "parameter")
    assert names[4] == ("b1", ("output layer", "neuron 1"), "parameter")
    assert names[8] == ("w24", ("output layer", "neuron 2"), "parameter")
    assert nn.Layer(12, 1).neurons[0].w[10].label == "w1,11"  # w111 would be ambiguous


def test_a_forward_pass_labels_and_scopes_what_it_makes():
    model = network(activation="relu(z) + sin(z)")
    z1, z2 = model([1.0, 2.0, 3.0])
    graph = {(node.label, node.scope): node for node in topological_order(z1, z2) if node.label}
    assert ("h3", ("layer 1", "neuron 3", "f = relu(z) + sin(z)")) in graph
    assert ("z2", ("output layer", "neuron 2")) in graph
    inputs = [node for node in graph.values() if node.role == "input"]
    assert [(node.label, node.data) for node in inputs] == [("x1", 1.0), ("x2", 2.0), ("x3", 3.0)]


@pytest.mark.parametrize(
    "activation",
    [
        "relu(z) + sin(z)",
        lambda z: z.relu() + z.sin(),
        ["relu(z) + sin(z)", None],
        [lambda z: z.relu() + z.sin(), "linear"],
    ],
)
def test_activations_by_name_expression_and_function(activation):
    got = [y.data for y in network(activation=activation)([1.0, -2.0, 0.5])]
    model = network()
    h = [max(z.data, 0) + math.sin(z.data) for z in model.layers[0].weighted_sums([1.0, -2.0, 0.5])]
    assert got == pytest.approx([n.b.data + sum(w.data * x for w, x in zip(n.w, h)) for n in model.layers[1].neurons])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Layer.from_arrays([[1, 2]], [1, 2]), "expected 1 rows of weights and biases, got 1 and 2"),
        (lambda: nn.Layer.from_arrays([[1, 2], [3]], [1, 2]), "neuron 2: expected 2 weights, got 1"),
        (lambda: nn.MLP(2, [3, 1], activation=["relu"]), "activation: expected 2, one a layer, got 1"),
        (lambda: nn.MLP(2, []), "nouts must be the sizes of one or more layers, got "),
        (lambda: nn.Neuron(0), "nin must be at least 1, got 0"),
        (lambda: nn.Neuron(2, activation="ReLu"), "activation: no operation .ReLu.; did you mean relu?"),
        (lambda: nn.Neuron(2, activation="x + z"), "expression in z, got 'x [+] z'"),
        (lambda: nn.MLP(2, [1])([1.0]), "neuron 1 takes 2 inputs, got 1"),
        (lambda: nn.cross_entropy([1.0, 2.0], 2), "expected a class from 0 to 1, got 2"),
        (lambda: nn.cross_entropy([1.0, 2.0], [1.0]), "target: expected 2, .* got 1"),
        (lambda: nn.mse([1.0], [1.0, 2.0]), "target: expected 1, .* got 2"),
        (lambda: nn.softmax([]), "at least one value"),
        (lambda: optim.SGD([], learning_rate=-1), "learning_rate must be at least 0 and below inf, got -1"),
        (lambda: optim.SGD([], momentum=1), r"momentum must be at least 0 and below 1\D.* got 1"),
        (lambda: optim.SGD([Value(1.0) * 2]), "parameters must be leaves"),
        (lambda: optim.SGD([Value(1.0)] * 2), "one of them twice"),
        (lambda: optim.Adam([], betas=(0.9, 1.5)), r"betas\[1\] must be .* got 1.5"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="data must be a real number, got 'a'"):
        nn.Layer.from_arrays([["a"]], [1])
    with pytest.raises(TypeError, match="parameters must be Values, got 1.0"):
        optim.SGD([1.0])


class Ladder(nn.Module):
    """A module of every kind of attribute: nested, in containers, shared, and no parameters at all."""

    def __init__(self):
        self.title = "ladder"
        self.gain = Value(2.0)
        self.rungs = [nn.Neuron(1), {"last": nn.Neuron(2)}]
        self.shared = self.gain
        self.cache = self.gain * 3  # computed: no parameter


def test_module_finds_each_parameter_once():
    names = [name for name, _ in Ladder().named_parameters()]
    assert names == [
        "gain",
        "rungs[0].w[0]",
        "rungs[0].b",
        "rungs[1]['last'].w[0]",
        "rungs[1]['last'].w[1]",
        "rungs[1]['last'].b",
    ]


def test_state_travels_through_json():
    model, other = network(), nn.MLP(3, [4, 2])
    other.load_state_dict(json.loads(json.dumps(model.state_dict())))
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]


def broken(state, change):
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s["layers"].pop(), ValueError, "layers: expected a list of 2, got 1"),
        (
            lambda s: s["layers"][0]["neurons"][1]["w"].append(1.0),
            ValueError,
            r"layers\[0\].neurons\[1\].w: expected a list of 3, got 4",
        ),
        (lambda s: s["layers"][1]["neurons"][0].pop("b"), ValueError, r"layers\[1\].neurons\[0\]: expected the keys"),
        (
            lambda s: s["layers"][1]["neurons"][0].update(b="x"),
            TypeError,
            r"layers\[1\].neurons\[0\].b must be a real number, got 'x'",
        ),
        (lambda s: s.update(layers=3), ValueError, "layers: expected a list of 2, got 3"),
    ],
)
def test_loading_is_all_or_nothing_and_names_the_entry(change, error, message):
    model, other = network(), nn.MLP(3, [4, 2])
    before = other.state_dict()
    with pytest.raises(error, match=message):
        other.load_state_dict(broken(model.state_dict(), change))
    assert other.state_dict() == before


def test_zero_grad_clears_the_parameters():
    model = network()
    model([1.0, 2.0, 3.0])[0].backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


LOGITS = [
    (0.2, -1.3, 0.7),
    (0.0,),
    (1000.0, -1000.0, 999.0),
    (-1000.0, -1000.5),
    (700.0, 0.0),
    (-800.0, -650.0, 1e-3),
]


def high(values):
    return [mpmath.mpf(v) for v in values]


@pytest.mark.parametrize("logits", LOGITS)
def test_softmax_family_is_exact_and_stable(logits):
    with mpmath.workdps(60):
        z = high(logits)
        total = sum(mpmath.exp(v) for v in z)
        lse = mpmath.log(total)
        assert nn.logsumexp(logits).data == pytest.approx(float(lse), rel=1e-15, abs=1e-15)
        assert [p.data for p in nn.softmax(logits)] == pytest.approx(
            [float(mpmath.exp(v) / total) for v in z], rel=1e-13
        )
        assert [p.data for p in nn.log_softmax(logits)] == pytest.approx(
            [float(v - lse) for v in z], rel=1e-15, abs=1e-13
        )
        for k in range(len(logits)):
            values = [Value(v) for v in logits]
            nn.cross_entropy(values, k).backward()
            expected = [float(mpmath.exp(v) / total) - (i == k) for i, v in enumerate(z)]
            assert [v.grad for v in values] == pytest.approx(expected, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_cross_entropy_from_index_probabilities_and_logits_agree(index):
    logits = LOGITS[0]
    target = [float(i == index) for i in range(3)]
    losses = [
        nn.cross_entropy(logits, index),
        nn.cross_entropy(logits, target),
        nn.cross_entropy(nn.softmax(logits), index, from_logits=False),
        nn.cross_entropy(nn.softmax(logits), target, from_logits=False),
    ]
    assert [loss.data for loss in losses] == pytest.approx([losses[0].data] * 4, rel=1e-15)
    assert {loss.label for loss in losses} == {"loss"}


@pytest.mark.parametrize("z", [-1000.0, -3.0, 0.0, 2.5, 1000.0])
@pytest.mark.parametrize("t", [0, 1, 0.25])
def test_binary_cross_entropy(z, t):
    value = Value(z)
    loss = nn.binary_cross_entropy(value, t)
    loss.backward()
    with mpmath.workdps(1000):  # 1 - p at -1000 and 1000
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
        expected = -(t * mpmath.log(p) + (1 - t) * mpmath.log(1 - p))
        assert loss.data == pytest.approx(float(expected), rel=1e-14, abs=1e-300)
        assert value.grad == pytest.approx(float(p - t), rel=1e-14, abs=1e-300)
    if abs(z) < 10:
        assert nn.binary_cross_entropy(value.sigmoid(), t, from_logits=False).data == pytest.approx(
            loss.data, rel=1e-14
        )


@pytest.mark.parametrize("gap", [0.5, 10.0, 30.0, 36.7, 300.0, 599.0, 601.0, 700.0])
@pytest.mark.parametrize("base", [0.0, 570.0, -900.0])
def test_small_losses_keep_their_digits(gap, base):
    # The loss of the right class is near exp(-gap): logsumexp less its logit would have none of its digits.
    z = [Value(base + gap), Value(base)]
    gap = z[0].data - base  # as rounded
    loss = nn.cross_entropy(z, 0)
    loss.backward()
    binary = Value(gap)
    binary_loss = nn.binary_cross_entropy(binary, 1)
    binary_loss.backward()
    with mpmath.workdps(700):
        exact = mpmath.log1p(mpmath.exp(-mpmath.mpf(gap)))
        slope = -1 / (1 + mpmath.exp(mpmath.mpf(gap)))
    assert [loss.data, binary_loss.data] == pytest.approx([float(exact)] * 2, rel=1e-14, abs=0)
    assert [z[0].grad, binary.grad] == pytest.approx([float(slope)] * 2, rel=1e-14, abs=0)


@pytest.mark.parametrize("before", [(1.0, 2.0), (1000.0, 990.0)])
@pytest.mark.parametrize("after", [(2.0, 1.0), (260.0, 256.0), (-3.0, 5.0)])
def test_losses_can_be_computed_again_from_other_data(before, after):
    for make in (
        lambda z: nn.cross_entropy(z, [0.25, 0.75]),
        lambda z: nn.softmax(z)[1],
        nn.logsumexp,
        lambda z: nn.binary_cross_entropy(z, [0.0, 1.0]),
    ):
        z = [Value(v) for v in before]
        again = make(z)
        for value, data in zip(z, after):
            value.data = data
        assert again.forward().data == pytest.approx(make([Value(v) for v in after]).data, rel=1e-13)


def test_a_class_may_be_numpys_integer():
    numpy = pytest.importorskip("numpy")
    assert nn.cross_entropy([0.0, 1.0], numpy.int64(1)).data == nn.cross_entropy([0.0, 1.0], 1).data


def test_layers_and_neurons_of_ones_own_are_called():
    class Doubled(nn.Neuron):
        def __call__(self, x):
            return 2 * super().__call__(x)

    class Constant(nn.Module):
        def __call__(self, x):
            return [Value(1.0), Value(2.0)]

    model = nn.MLP(1, [2, 1])
    model.layers[0] = Constant()
    last = model.layers[1].neurons[0]
    expected = last.b.data + last.w[0].data + 2 * last.w[1].data
    assert model([5.0]).data == expected
    doubled = Doubled(2, False, weights=[w.data for w in last.w])
    model.layers[1].neurons = [doubled]
    assert model([5.0]).data == pytest.approx(2 * expected)
    plain = nn.Neuron(1, weights=[-1])
    assert plain([Value(2.0)]).data == 0.0
    plain.nonlin = False
    assert plain([Value(2.0)]).data == -2.0


def test_a_network_can_be_copied_and_pickled():
    model = network(activation="relu(z) + sin(z)")
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [y.data for y in other([1.0, 2.0, 3.0])] == [y.data for y in model([1.0, 2.0, 3.0])]
        assert not {*other.parameters()} & {*model.parameters()}


def test_a_module_may_know_its_parent():
    model = Ladder()
    model.rungs[0].parent = model
    assert len(model.parameters()) == 6


def test_activations_must_return_a_value():
    with pytest.raises(TypeError, match="neuron: activation must return a Value, got 1.0"):
        nn.Neuron(1, activation=lambda z: 1.0)([Value(1.0)])
    with pytest.raises(TypeError, match="activation must be a name, an expression in z or a function, got 3"):
        nn.Neuron(1, activation=3)


def test_mse_and_hinge():
    assert nn.mse([1.0, 2.0, 4.0], [0.0, 4.0, 4.0]).data == pytest.approx(5 / 3)
    assert nn.mse(3.0, 1.0).data == 4.0
    assert nn.hinge([0.5, -2.0, 3.0], [1, -1, -1]).data == pytest.approx((0.5 + 0 + 4) / 3)


def minimise(optimizer, parameters, steps=40):
    """Take steps down an elongated bowl, and return where they led."""
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (parameters[0] - 1) ** 2 + 10 * (parameters[1] + 2) ** 2
        loss.backward()
        optimizer.step()
    return [p.item() if hasattr(p, "item") else p.data for p in parameters]


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.5, "weight_decay": 0.1}),
        ("Adam", {}),
        ("Adam", {"weight_decay": 0.1}),
        ("AdamW", {"weight_decay": 0.1}),
    ],
)
def test_optimisers_take_pytorchs_steps(name, keywords):
    torch = pytest.importorskip("torch")
    theirs = [
        torch.tensor(0.3, dtype=torch.float64, requires_grad=True),
        torch.tensor(0.7, dtype=torch.float64, requires_grad=True),
    ]
    ours = [Value(0.3), Value(0.7)]
    expected = minimise(getattr(torch.optim, name)(theirs, lr=0.01, **keywords), theirs)
    got = minimise(getattr(optim, name)(ours, learning_rate=0.01, **keywords), ours)
    assert got == pytest.approx(expected, rel=1e-10)


def decayed(numbers, beta):
    """Each number by beta to the power of its age, summed: what running means are, written out."""
    return sum(beta**age * x for age, x in enumerate(reversed(numbers)))


def sgd(weights, gradients, rate, momentum=0.0, weight_decay=0.0):
    joined = [g + weight_decay * w for w, g in zip(weights, gradients, strict=True)]
    return weights[-1] - rate * decayed(joined, momentum)


def adam(weights, gradients, rate, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0):
    joined = [g + weight_decay * w for w, g in zip(weights, gradients, strict=True)]
    powers = joined, [g * g for g in joined]
    mean, square = (decayed(x, beta) / decayed([1.0] * len(x), beta) for x, beta in zip(powers, betas, strict=True))
    return weights[-1] - rate * mean / (math.sqrt(square) + epsilon)


def adamw(weights, gradients, rate, weight_decay=0.01, **keywords):
    return adam(weights, gradients, rate, **keywords) - rate * weight_decay * weights[-1]


# One row an optimiser: the next weight as all weights and gradients so far give it, and arguments to try.
OPTIMISERS = {
    optim.SGD: (sgd, [{}, {"momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1}]),
    optim.Adam: (adam, [{}, {"weight_decay": 0.1}, {"betas": (0.5, 0.25), "epsilon": 0.1}]),
    optim.AdamW: (adamw, [{}, {"weight_decay": 0.5, "betas": (0.0, 0.5)}]),
}


def test_every_optimiser_has_a_row():
    assert {x for x in vars(optim).values() if isinstance(x, type) and issubclass(x, optim.Optimizer)} == {
        optim.Optimizer,
        *OPTIMISERS,
    }


@pytest.mark.parametrize(
    ("make", "formula", "keywords"),
    [(make, formula, keywords) for make, (formula, tried) in OPTIMISERS.items() for keywords in tried],
)
def test_optimisers_take_the_steps_of_their_formulas(make, formula, keywords):
    parameter, gradients, weights = Value(0.5), [1.0, -0.25, 3.0, 0.0, 1e-3], []
    optimizer = make([parameter], 0.1, **keywords)
    for step, gradient in enumerate(gradients, 1):
        weights.append(parameter.data)
        parameter.grad = gradient
        optimizer.step()
        assert parameter.data == pytest.approx(formula(weights, gradients[:step], 0.1, **keywords), rel=1e-13)


@pytest.mark.parametrize("make", OPTIMISERS)
def test_learning_rate_has_its_short_name(make):
    def after_step(**keywords):
        w = Value(1.0)
        w.grad = 2.0
        short = make([w], **keywords)
        short.lr *= 0.5
        assert short.lr == short.learning_rate == 0.05
        short.step()
        return w.data

    assert after_step(lr=0.1) == after_step(learning_rate=0.1) < 1.0
    with pytest.raises(TypeError, match="learning_rate"):
        make([Value(1.0)], lr=0.1, learning_rate=0.2)


def test_optimisers_reach_the_minimum():
    for make, rate in ((optim.SGD, 0.04), (optim.Adam, 0.2), (partial(optim.AdamW, weight_decay=0.0), 0.2)):
        parameters = [Value(0.3), Value(0.7)]
        assert minimise(make(parameters, learning_rate=rate), parameters, 400) == pytest.approx([1, -2], abs=1e-3)


# At the border: infinities among logits, probabilities of 0, and data that change after a graph was recorded.


@pytest.mark.parametrize("way", [lambda f: lambda z: f(list(map(Value, z))).data, jit], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("logits", "truth"),
    [
        ([-inf, -inf], -inf), ([inf, 1.0], inf), ([1.0, inf], inf), ([inf, inf], inf), ([-inf, 1.0], 1.0), ([inf, -inf], inf),
        ([-inf] * 3, -inf), ([0.0, inf, -inf], inf), ([1000.0] * 4, 1000 + math.log(4)), ([-1000.0, -1000.0], -1000 + math.log(2)),
        ([5.0, -inf, 5.0], 5 + math.log(2)), ([0.0, -800.0, -900.0], 0.0),
    ],
)  # fmt: skip
def test_logsumexp_at_the_border(way, logits, truth):
    assert way(nn.logsumexp)(logits) == truth
    with ieee():
        assert isnan(nn.logsumexp([nan, *map(Value, logits)]).data)


@pytest.mark.parametrize("way", [lambda f: f, jit], ids=["eager", "compiled"])
def test_zero_times_log_of_zero_is_zero(way):
    def losses(p):
        entropy = nn.cross_entropy(p, [0.0, 1.0, 0.0], from_logits=False)
        return entropy + nn.binary_cross_entropy(p, [0.0, 1.0, 0.0], from_logits=False)

    value, gradient = way(value_and_grad(losses))([0.0, 1.0, 0.0])
    assert (value, gradient) == (0.0, [1 / 3, -1 - 1 / 3, 1 / 3])
    value, gradient = way(value_and_grad(losses))([0.0, 0.5, 0.0])
    assert value == pytest.approx(math.log(2) * 4 / 3)
    targets = way(value_and_grad(lambda p, t: nn.cross_entropy(p, t, from_logits=False)))
    assert targets([0.0, 1.0], [0.0, 1.0]) == (0.0, [0.0, -1.0])
    assert way(hessian(losses))([0.0, 1.0, 0.0])[0] == [pytest.approx(1 / 3), 0.0, 0.0]


@pytest.mark.parametrize("loss", [
    lambda z: nn.logsumexp(z), lambda z: nn.log_softmax(z)[1], lambda z: nn.cross_entropy(z, 1), lambda z: nn.softmax(z)[1],
    lambda z: nn.cross_entropy(z, [0.25, 0.5, 0.25]), lambda z: nn.binary_cross_entropy(z, [1, 0, 1]),
])  # fmt: skip
def test_losses_are_right_for_other_data_after_forward(loss):
    for before, after in (((0.0, 1.0, 2.0), (-20.0, 30.0, 5.0)), ((0.0, 900.0, 0.0), (1000.0, -1000.0, 3.0))):
        z = [Value(x) for x in before]
        root = loss(z)
        for leaf, x in zip(z, after, strict=True):
            leaf.data = x
        anew = [Value(x) for x in after]
        root.forward().backward()
        truth = loss(anew)
        truth.backward()
        assert root.data == pytest.approx(truth.data, rel=1e-14, abs=1e-300)
        assert [x.grad for x in z] == pytest.approx([x.grad for x in anew], rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("way", [lambda f: f, jit], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("logits", "shares"),
    [
        ([inf, 1.0], [1.0, 0.0]), ([inf, -inf, 0.0], [1.0, 0.0, 0.0]), ([inf, inf], [0.5, 0.5]), ([-inf, -inf], [0.5, 0.5]),
        ([-inf, -inf, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]), ([0.0, -inf, -inf, -inf, 0.0], [0.5, 0.0, 0.0, 0.0, 0.5]),
    ],
)  # fmt: skip
def test_gradients_of_logsumexp_at_the_border(way, logits, shares):
    assert way(grad(nn.logsumexp))(logits) == shares


@pytest.mark.parametrize("way", [lambda f: f, jit], ids=["eager", "compiled"])
@pytest.mark.parametrize("logits", [[-inf, -inf, 0.0, 1.0], [0.0, -inf, -inf, 1.0], [-inf, 0.0, -inf, 1.0]])
def test_what_a_mask_rules_out_takes_no_part(way, logits):
    left = [i for i, z in enumerate(logits) if z == 0.0 or z == 1.0]
    first = left[0]
    for loss, plain in (
        (lambda z: nn.cross_entropy(z, first), lambda z: nn.cross_entropy(z, 0)),
        (
            lambda z: nn.cross_entropy(z, [0.5 * (i in left) for i in range(4)]),
            lambda z: nn.cross_entropy(z, [0.5, 0.5]),
        ),
        (lambda z: nn.log_softmax(z)[first], lambda z: nn.log_softmax(z)[0]),
        (nn.logsumexp, nn.logsumexp),
    ):
        value, gradient = way(value_and_grad(loss))(logits)
        truth, slopes = value_and_grad(plain)([0.0, 1.0])
        assert value == pytest.approx(truth, rel=1e-15)
        assert [gradient[i] for i in left] == pytest.approx(slopes, rel=1e-15)
        assert [g for i, g in enumerate(gradient) if i not in left] == [0.0, 0.0]
        second, curvature = way(hessian(loss))(logits), hessian(plain)([0.0, 1.0])
        for i, row in enumerate(second):
            expected = curvature[left.index(i)] if i in left else [0.0, 0.0]
            assert [row[j] for j in left] == pytest.approx(expected, rel=1e-14)
            assert [x for j, x in enumerate(row) if j not in left] == [0.0, 0.0]


@pytest.mark.parametrize("way", [lambda f: f, jit], ids=["eager", "compiled"])
def test_a_certain_logit_costs_nothing(way):
    assert way(value_and_grad(lambda z: nn.cross_entropy(z, 0)))([inf, 0.0, 1.0]) == (0.0, [0.0, 0.0, 0.0])
    assert way(value_and_grad(lambda z: nn.cross_entropy(z, [1.0, 0.0, 0.0])))([inf, 0.0, 1.0]) == (
        0.0,
        [0.0, 0.0, 0.0],
    )
    binary = lambda z: nn.binary_cross_entropy(z, [1.0, 0.0])
    assert way(value_and_grad(binary))([inf, -inf]) == (0.0, [0.0, 0.0])
    assert way(binary)([-inf, -inf]) == inf


@pytest.mark.parametrize("logits, target", [([40.0, 0.0, -3.0], 0), ([-5.0, 60.0, 0.0, 1.0], 1), ([3.0, 700.0], 1)])
def test_gradients_of_small_losses_keep_their_digits_in_compiled_code_too(logits, target):
    loss = value_and_grad(lambda z: nn.cross_entropy(z, target))
    for got, truth in zip(jit(loss)(logits)[1], loss(logits)[1], strict=True):
        assert got == pytest.approx(truth, rel=1e-14, abs=0)


def test_small_losses_keep_the_digits_of_their_gradients():
    for logits, target in (([40.0, 0.0, -3.0], 0), ([-5.0, 60.0, 0.0, 1.0], 1)):
        others = [z - logits[target] for i, z in enumerate(logits) if i != target]
        truth = math.log1p(math.fsum(map(math.exp, others)))
        z = list(map(Value, logits))
        loss = nn.cross_entropy(z, target)
        loss.backward()
        assert loss.data == pytest.approx(truth, rel=1e-14)
        assert z[target].grad == pytest.approx(-math.fsum(map(math.exp, others)), rel=1e-14)
        assert -nn.log_softmax(logits)[target].data == pytest.approx(truth, rel=1e-14)
        assert jit(lambda z, k=target: nn.cross_entropy(z, k))(logits) == pytest.approx(truth, rel=1e-14)


def test_a_star_import_brings_micrograds_names_and_shadows_none_of_pythons():
    assert {"Module", "Neuron", "Layer", "MLP", "Value"} <= set(nn.__all__)
    assert not set(nn.__all__) & set(dir(builtins))
    assert all(hasattr(nn, name) for name in nn.__all__)


def test_pickles_from_before_nn_was_a_package_are_read():
    model = nn.Neuron(1, weights=[2.0], bias=1.0, activation="z*z")
    pickled = pickle.dumps(model, protocol=0)
    for room in (b"module", b"layers"):
        pickled = pickled.replace(b"cscalargrad.nn." + room + b"\n", b"cscalargrad.nn\n")
    assert b"scalargrad.nn." not in pickled
    assert b"scalargrad.nn\n_InZ" in pickled
    assert pickle.loads(pickled)([3.0]).data == model([3.0]).data == 49.0


def test_an_unknown_activation_is_refused_where_it_is_given():
    for make in (
        lambda: nn.MLP(2, [1], activation="rellu"),
        lambda: nn.MLP(2, [2, 1], activation=["tanh", "rellu"]),
        lambda: nn.Layer(2, 1, nonlin=False, activation="rellu"),
        lambda: nn.Neuron(2, False, activation="rellu"),
        lambda: nn.Linear(2, 1, activation="rellu"),
    ):
        with pytest.raises(ValueError, match="no operation 'rellu'; did you mean relu"):
            make()
    assert repr(nn.Layer(2, 1, nonlin=False, activation="tanh")) == "Layer of [LinearNeuron(2)]"
