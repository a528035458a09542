"""Which sums of products are computed side by side: those that share factors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def tiles(pairs: Sequence[tuple[int, int]], size: int, look: int = 32) -> Iterator[list[int]]:
    """Divide products, given by their factors, into groups of so many at most that share factors, and yield their places.

    >>> list(tiles([(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)], 4))
    [[0, 1, 3, 4], [2, 5]]

    look  how many products of a factor are considered at once
    """
    of: dict[int, dict[int, None]] = {}  # the products of each factor, in their order
    for place, pair in enumerate(pairs):
        for factor in pair:
            of.setdefault(factor, {})[place] = None
    left = dict.fromkeys(range(len(pairs)))
    while left:
        group: list[int] = []
        inside: set[int] = set()
        shared: dict[int, int] = {}  # how many products with those inside a factor has
        fresh: Iterable[int] = pairs[next(iter(left))]
        while left and len(group) < size:
            for factor in fresh:
                if factor in inside:
                    continue
                inside.add(factor)
                shared.pop(factor, None)
                taken = []
                for place in _first(of[factor], look):
                    a, b = pairs[place]
                    other = b if a == factor else a
                    if other in inside:
                        taken.append(place)
                    else:
                        shared[other] = shared.get(other, 0) + 1
                for place in taken[: size - len(group)]:
                    group.append(place)
                    del left[place]
                    for end in set(pairs[place]):
                        del of[end][place]
            if shared:
                fresh = (max(shared, key=shared.__getitem__),)
            elif left:
                fresh = pairs[next(iter(left))]
        yield sorted(group)


def _first(items: Iterable[int], count: int) -> list[int]:
    return [item for item, _ in zip(items, range(count), strict=False)]
