"""A seeded choice of faults in which every module and every operator has its part."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import sqrt

from plimsoll.mutation.faults import Fault


def choose(faults: Sequence[Fault], count: int, seed: int) -> list[Fault]:
    """`count` of the faults, or all there are; more of the same seed begin with the fewer.

    The next fault comes from the file that has the least for the root of its size, and of the
    operators there from the one that has been chosen least so far.
    """
    left: dict[str, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for fault in faults:
        left[fault.path][fault.operator].append(fault)
    weight = {
        path: sqrt(sum(len(group) for group in groups.values())) for path, groups in left.items()
    }
    generator = random.Random(seed)  # noqa: S311 - a seeded generator is wanted
    for path in sorted(left):
        for operator in sorted(left[path]):
            generator.shuffle(left[path][operator])

    chosen: list[Fault] = []
    of_file: Counter[str] = Counter()
    of_operator: Counter[str] = Counter()
    while left and len(chosen) < count:
        path = min(left, key=lambda path: (of_file[path] / weight[path], path))
        groups = left[path]
        operator = min(groups, key=lambda operator: (of_operator[operator], operator))
        chosen.append(groups[operator].pop())
        of_file[path] += 1
        of_operator[operator] += 1
        if not groups[operator]:
            del groups[operator]
        if not groups:
            del left[path]
    return chosen
