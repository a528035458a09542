"""What is in force around an operation: no_grad, scope, source_lines, detect_anomaly, ieee.

One immutable `Mode` says all of it, and a context variable holds the present one, so that a thread or an asynchronous
task has its own. A mode is a `with` block, or decorates a function.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar, Token
from functools import lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

FunctionT = TypeVar("FunctionT")


class About(NamedTuple):
    """What few Values have of their own, and the others share: see the Python engine's Value."""

    label: str = ""
    scope: tuple[str, ...] = ()
    role: str = ""
    traced: bool = False


class Mode:
    """What is in force around an operation.

    recording  whether results remember what they were computed from
    watch      "lines": note where a Value is made; "anomaly": that, and raise at nan and inf
    scope      the names of the scopes around, outermost first
    trace      the function that is being traced here, if one is
    ieee       whether log 0 is -inf, as IEEE 754 has it, where Python's own functions raise
    plain      whether it records, and neither watches nor traces; scope and ieee may be set
    about      what a Value that is made in it shares with others
    """

    __slots__ = ("about", "ieee", "plain", "recording", "scope", "trace", "watch")

    def __init__(
        self,
        recording: bool = True,
        watch: str = "",
        scope: tuple[str, ...] = (),
        trace: Any = None,
        ieee: bool = False,
    ) -> None:
        self.recording, self.watch, self.scope, self.trace, self.ieee = recording, watch, scope, trace, ieee
        self.plain = recording and not watch and trace is None
        self.about = About(scope=scope)

    def but(self, **changes: Any) -> Mode:
        """Return this mode with some changes.

        >>> Mode().but(recording=False).recording
        False
        """
        names = ("recording", "watch", "scope", "trace", "ieee")
        return Mode(**{name: getattr(self, name) for name in names} | changes)


PLAIN = Mode()
_current: ContextVar[Mode] = ContextVar("scalargrad.mode", default=PLAIN)
current = _current.get

# The C twin looks the mode up again where this byte is 1: asking the context for each operation would take a third of
# the operation's time.
changed = bytearray(1)


def enter(mode: Mode) -> Token[Mode]:
    """Put a mode in force; the token is what `leave` takes.

    >>> token = enter(PLAIN.but(recording=False))
    >>> leave(token)
    """
    token = _current.set(mode)
    changed[0] = 1
    return token


def leave(token: Token[Mode]) -> None:
    """Put the mode in force that was there before; see `enter`."""
    _current.reset(token)
    changed[0] = 1


class Block:
    """Some changes of the mode, in force inside a `with` block, or whenever the body of a decorated function runs.

    >>> from scalargrad.ops import log
    >>> @ieee()
    ... def logarithms(x):
    ...     yield log(x)
    >>> next(logarithms(0.0))
    -inf

    A generator or a coroutine, which stops and goes on, is in it between its stops only.
    """

    __slots__ = ("_tokens", "changes")

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self._tokens: list[Token[Mode]] = []

    def mode(self) -> Mode:
        """Return the mode that is in force inside."""
        return current().but(**self.changes)

    def __enter__(self) -> None:
        self._tokens.append(enter(self.mode()))

    def __exit__(self, *raised: object) -> None:
        leave(self._tokens.pop())

    def __call__(self, function: FunctionT) -> FunctionT:
        decorated: FunctionT = _decorated(self, function)
        return decorated

    def run(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call a function inside.

        >>> no_grad().run(current).recording
        False
        """
        token = enter(self.mode())
        try:
            return function(*arguments, **keywords)
        finally:
            leave(token)


def no_grad() -> Block:
    """Compute without recording: results are leaves. A context manager and a decorator.

    >>> from scalargrad import Value
    >>> with no_grad():
    ...     (Value(2.0) * 3.0).parents
    ()
    """
    return Block(recording=False)


def detect_anomaly() -> Block:
    """Raise FloatingPointError at the first nan or inf, in an operation or in backward().

    The message names the operation, its operands and the line of the program that made it.

    >>> from scalargrad import Value
    >>> with detect_anomaly():
    ...     Value(1e308, label="x") * 10  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FloatingPointError: mul(x = 1e+308, 10.0) gives inf, in ...
    """
    return Block(watch="anomaly")


def source_lines() -> Block:
    """Let every Value that is computed inside know the line of the program that made it, as `made_at`.

    >>> from scalargrad import Value
    >>> with source_lines():
    ...     y = Value(3.0) * 2
    >>> y.made_at  # doctest: +SKIP
    'program.py:2'

    Pages and explanations show it. It takes time, so it is off by default.
    """
    return Block(watch="lines")


def ieee() -> Block:
    """Follow IEEE 754 instead of raising: log 0 is -inf, 1/0 is inf, log -1 is nan.

    >>> from scalargrad.ops import div, exp, log
    >>> with ieee():
    ...     log(0.0), div(1.0, 0.0), exp(710.0), log(-1.0)
    (-inf, inf, inf, nan)
    """
    return Block(ieee=True)


class scope(Block):
    """Mark the Values made inside as belonging together: a picture draws a frame around them. A decorator, too.

    >>> from scalargrad import Value
    >>> with scope("layer 1"), scope("neuron 2"):
    ...     Value(1.0).scope
    ('layer 1', 'neuron 2')
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name, self._tokens = name, []

    def mode(self) -> Mode:
        """Return the mode that is in force inside."""
        return _scoped(current(), self.name)

    def __enter__(self) -> None:  # as every block does, without a call in between: layers enter scopes again and again
        self._tokens.append(_current.set(_scoped(current(), self.name)))
        changed[0] = 1


@lru_cache(maxsize=1024)  # networks enter the same scopes again and again
def _scoped(mode: Mode, name: str) -> Mode:
    return mode.but(scope=(*mode.scope, name))


def users_line() -> str:
    """Return the line of the program that is being run, outside of this package: its file and number.

    >>> file, _, number = users_line().rpartition(":")
    >>> file.endswith(".py"), int(number) > 0
    (True, True)
    """
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("scalargrad", "numpy"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _decorated(block: Block, function: Any) -> Any:
    import inspect  # rarely needed, and slow to import

    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(_decorated(block, function.__func__))

    def generator(*arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        return (yield from _Steps(block, function(*arguments, **keywords)))

    async def coroutine(*arguments: Any, **keywords: Any) -> Any:
        return await _Awaited(block, function(*arguments, **keywords))

    async def asynchronous_generator(*arguments: Any, **keywords: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*arguments, **keywords)
        step = inner.__anext__()
        while True:
            try:
                item = await _Awaited(block, step)
            except StopAsyncIteration:
                return
            try:
                step = inner.asend((yield item))
            except GeneratorExit:
                await _Awaited(block, inner.aclose())
                raise
            except BaseException as error:  # noqa: BLE001 - which the body may be waiting for
                step = inner.athrow(error)

    def plain(*arguments: Any, **keywords: Any) -> Any:
        return block.run(function, *arguments, **keywords)

    kinds: dict[Callable[[Any], bool], Callable[..., Any]] = {
        inspect.isgeneratorfunction: generator,
        inspect.iscoroutinefunction: coroutine,
        inspect.isasyncgenfunction: asynchronous_generator,
    }
    return wraps(function)(next((wrapper for is_kind, wrapper in kinds.items() if is_kind(function)), plain))


class _Steps(Generator[Any, Any, Any]):
    """A generator, or what a coroutine waits for, each step of which is inside a block."""

    def __init__(self, block: Block, inner: Any) -> None:
        self.block, self.inner = block, inner

    def send(self, value: Any) -> Any:
        return self.block.run(self.inner.send, value)

    def throw(self, *raised: Any) -> Any:
        return self.block.run(self.inner.throw, *raised)


class _Awaited(_Steps):
    def __await__(self) -> Generator[Any, Any, Any]:
        return self
