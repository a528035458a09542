"""Hostile programs against the engine, one random seed after another: `python tests/fuzz.py SECONDS [SEED]`.

Objects of the user's whose code runs wherever Python lets it (as a value is converted, compared, called or dropped) make,
change, re-initialise, differentiate and drop Values meanwhile; they raise, resurrect themselves, and work in several
threads. Whatever Python forbids is an exception; what must not happen is a crash, a SystemError, or an engine that does
not work afterwards. After a crash, the name of a function in faulthandler's list of frames says which seed it was.
"""

import copy
import faulthandler
import gc
import pickle
import random
import sys
import threading
import time
from contextlib import ExitStack
from types import FunctionType

import scalargrad
from scalargrad import Value, grad, hessian, hvp, ieee, jacfwd, jacobian, no_grad, scope, value_and_grad
from scalargrad.op import Op
from scalargrad.ops import TABLE
from scalargrad.tape import Tape
from scalargrad.traced import tracing, transforming

ACTS = 250  # in a program
DEPTH = 3  # of acts within acts
NUMBERS = (0.0, -1.0, 2.5, 1e308, float("nan"), float("inf"), 3, True, 10**400, "a", None)
NAMES = (
    "data grad label role scope name _prev _op _backward _parents _partials _operation _traced __dict__ note".split()
)
three = Op("three", lambda x, y, z: x * y + z, lambda o, x, y, z: y, lambda o, x, y, z: x, lambda o, x, y, z: 1.0)


class Sub(Value):
    """A subclass with attributes."""


class Slotted(Value):
    """A subclass without."""

    __slots__ = ()


class Program:
    """A random program: a pool of Values and things, and acts on them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pool = [Value(1.0), Value(2.0)]
        self.things = []
        self.depth = 0
        self.left = ACTS
        program = self

        class Hostile:
            """Acts wherever it is asked for anything."""

            def act(self, *_):
                program.act()
                return self

            __del__ = __iter__ = __enter__ = act

            def __call__(self, *_):
                program.act()

            def __float__(self):
                program.act()
                return program.random.choice((1.0, 2.0, float("nan")))

            __index__ = __len__ = __bool__ = lambda self: (program.act(), program.random.randrange(2))[1]
            __repr__ = lambda self: (program.act(), "hostile")[1]

            def __eq__(self, other):
                program.act()
                return program.random.random() < 0.5

            def __hash__(self):
                return hash("note")

        class Returning(Hostile):
            def __del__(self):
                program.act()
                if program.left > 0:
                    program.things.append(self)

        class Key(str):
            __slots__ = ()
            __hash__ = str.__hash__

            def __eq__(self, other):
                program.act()
                return str(self) == other

        self.hostile = Op("hostile", lambda x: 2.0 * x, lambda out, x: (program.act(), x * 2.0)[1])
        self.kinds = (Hostile, Returning, lambda: Key("note"), lambda: Key("layer"))

    def value(self):
        return self.random.choice(self.pool) if self.pool else Value(1.0)

    def values(self):
        return [self.value() for _ in range(self.random.randrange(5))]

    def thing(self):
        pick = self.random.randrange(7)
        if pick == 0:
            return self.random.choice(NUMBERS)
        if pick == 1:
            return self.random.choice(self.kinds)()
        if pick == 2 and self.things:
            return self.random.choice(self.things)
        if pick == 3:
            return tuple(self.thing() for _ in range(self.random.randrange(3)))
        if pick == 4:
            return {self.random.choice(self.kinds)(): self.value()}
        if pick == 5:
            return self.values()
        return self.value()

    def act(self):
        """Do something; exceptions are the program's own affair, but for an internal error of the interpreter."""
        if self.depth >= DEPTH or self.left <= 0:
            return
        self.depth += 1
        self.left -= 1
        try:
            getattr(self, self.random.choice(self.names))()
        except (SystemError, AssertionError):
            raise
        except Exception as error:
            self.things.append(error)
            if self.depth > 1 and self.random.random() < 0.3:
                raise
        finally:
            self.depth -= 1

    def do_number(self):
        self.pool.append(Value(self.thing()))

    def do_node(self):
        kind = self.random.choice((Value, Sub, Slotted))
        self.pool.append(kind(self.random.random(), self.values(), self.random.choice(("", "op", three, TABLE["mul"]))))

    def do_local_gradients(self):
        parents = self.values()
        self.pool.append(Value(1.0, parents, tuple(self.random.choice((0.5, 2, self.thing())) for _ in parents)))

    def do_keywords(self):
        self.pool.append(Value(data=1.0, children=self.values(), local_grads=self.thing(), name=self.thing()))

    def do_operation(self):
        op = self.random.choice((*TABLE.values(), three, self.hostile))
        self.pool.append(op(*(self.random.choice((self.value(), self.thing())) for _ in op.partials)))

    def do_operator(self):
        x, y = self.value(), self.random.choice((self.value(), self.thing()))
        self.pool.append(self.random.choice((lambda: x * y, lambda: y - x, lambda: x**y, lambda: -x, lambda: abs(x)))())

    def do_compare(self):
        x, y = self.value(), self.thing()
        self.things.append(
            self.random.choice((lambda: x == y, lambda: x < y, lambda: y in [x], lambda: {x: y}, lambda: x != y))()
        )

    def do_read(self):
        self.things.append(getattr(self.value(), self.random.choice(NAMES)))

    do_look = do_read

    def do_write(self):
        setattr(self.value(), self.random.choice(NAMES), self.thing())

    do_overwrite = do_again_write = do_write

    def do_delete(self):
        delattr(self.value(), self.random.choice(NAMES))

    def do_attribute(self):
        value = self.value()
        value.__dict__[self.random.choice(self.kinds)()] = self.thing()
        self.things.append(getattr(value, "note", None))

    def do_init(self):
        self.value().__init__(self.thing(), self.values(), self.random.choice(("", "op", self.thing())))

    def do_closure(self):
        value, other = self.value(), self.value()

        def backward():
            other.grad += 1.0
            self.act()
            value.grad *= 2.0

        value._backward = self.random.choice((backward, self.thing()))

    def do_backward(self):
        self.value().backward(self.random.choice((1.0, self.thing())), create_graph=self.random.random() < 0.2)

    do_train = do_backward

    def do_transform(self):
        def function(*xs):
            self.pool.extend(x for x in xs if isinstance(x, Value))
            self.act()
            return self.random.choice((self.value(), self.hostile(self.value()), self.thing(), [self.value(), 1.0]))

        point = self.random.choice((1.5, [1.0, 2.0], {"a": 1.0, "b": (2.0,)}, self.thing()))
        way = self.random.choice(
            (grad, value_and_grad, jacobian, jacfwd, hessian, lambda f: lambda x: hvp(f, (x,), (x,)))
        )
        self.things.append(way(function)(point))

    def do_tape(self):
        leaves, results = self.values(), self.values()
        tape = Tape(leaves, results, second=self.random.random() < 0.5)
        numbers = [self.random.choice((0.0, 1.0, self.thing())) for _ in self.random.choice((leaves, results))]
        ways = (
            lambda: tape.vjp(numbers),
            lambda: tape.jvp(numbers),
            tape.jacobian,
            lambda: tape.hvp(numbers),
            tape.hessian,
        )
        self.things.append(self.random.choice(ways)())

    def do_forward(self):
        self.value().forward()

    def do_zero(self):
        self.value().zero_grad()

    def do_copy(self):
        value = self.value()
        way = self.random.choice((copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v)), Value.detach))
        self.pool.append(way(value))

    def do_order(self):
        self.things.append(scalargrad.topological_order(*self.values()))

    def do_show(self):
        self.things.append(f"{self.value()!r} {self.value():.3f} {self.value().local_gradients}")

    def do_mode(self):
        modes = (
            no_grad,
            ieee,
            tracing,
            scalargrad.detect_anomaly,
            scalargrad.source_lines,
            lambda: scope(self.thing()),
        )
        with ExitStack() as stack:
            stack.enter_context(self.random.choice(modes)())
            for _ in range(self.random.randrange(4)):
                self.act()

    def do_thread(self):
        thread = threading.Thread(target=self.act)
        thread.start()
        thread.join()

    def do_drop(self):
        if self.pool:
            self.pool.pop(self.random.randrange(len(self.pool)))

    def do_drop_thing(self):
        if self.things:
            self.things.pop(self.random.randrange(len(self.things)))

    def do_clear(self):
        if self.random.random() < 0.1:
            self.pool.clear()
            self.things.clear()

    def do_collect(self):
        if self.random.random() < 0.1:
            gc.collect()

    def do_patch(self):
        original = Value.__init__
        Value.__init__ = lambda value, *given, **named: (original(value, *given, **named), self.act())[0]
        try:
            self.act()
        finally:
            Value.__init__ = original

    names = ()


Program.names = tuple(name for name in dir(Program) if name.startswith("do_"))


def run(seed):
    """Run the program of a seed, and see whether the engine still works."""
    program = Program(seed)
    while program.left > 0:
        program.act()
    program.pool.clear()
    program.things.clear()
    gc.collect()
    x = Value(3.0)
    y = x * x
    y.backward()
    y.__init__(1.0, (x,))  # no walk is thought to be under way
    assert (x.grad, scalargrad.modes.current(), scalargrad.traced.traces) == (6.0, scalargrad.modes.PLAIN, []), seed
    assert not transforming, seed
    assert hessian(lambda x: x * x * x)(2.0) == 12.0, seed


def main():
    """Run programs for so many seconds, from a seed on."""
    faulthandler.enable()
    threading.excepthook = lambda _: None
    sys.unraisablehook = lambda _: None
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 10**9
    start, end, first = time.monotonic(), time.monotonic() + seconds, seed
    while time.monotonic() < end:
        FunctionType(run.__code__.replace(co_name=f"run_seed_{seed}"), globals())(seed)
        seed += 1
    print(
        f"{seed - first} programs in {time.monotonic() - start:.0f} s, from seed {first} on: {scalargrad.engine_name} engine"
    )


if __name__ == "__main__":
    main()
