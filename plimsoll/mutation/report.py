"""Score, tables and survivors in words: `docs/mutation.md`."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plimsoll.errors import ConfigError
from plimsoll.mutation.results import NOTICED, Result, Score, Status, score, scores_by

GOAL_PERCENT: Final = 90
LEAST_SCORED: Final = 150

_HEAD: Final = """# Mutation

Do the tests notice a fault? `make mutate` puts small faults into the contracts, one at a time, and
runs the checks until one fails. This page is written by the program; nobody types it. Only
`docs/mutation_survivors.toml`, where each survivor is explained, is written by hand.
"""

_RULES: Final = """A fault counts only if it compiles, changes the code of a deployed contract (the
compiler's note on the sources aside) and fits the size limit; the others stand apart. A *timeout*
counts as noticed: a killer ran at least eight times as long as on the original, and never less than
90 s.

Killers, in order of price: a fuzz burst in process (`plimsoll.fuzz`: model against contracts, all
invariants), the tests of the faulty module, and the flows and regressions of the whole protocol.
Tests that read the sources or compare gas take no part.
"""

_OPERATORS: Final = {
    "compare": "`<` for `<=`, `==` for `!=`, `in` for `not in`",
    "arithmetic": "`+` for `-`, `*` for `//`, shifts and masks, a sign lost",
    "rounding": "up for down: `_mul_div_up`, `(x + d - 1) // d`, `x // d`, `_floor_div`",
    "drop": "an assignment or a call left out",
    "layer": "junior for senior",
    "edge": "the next tick, the other edge of a tick",
    "minmax": "`min` for `max`",
    "constant": "a number one too large, an exponent too",
    "assert": "an `assert` or `raise` left out",
    "boolean": "a condition negated, `and` for `or`, a flag flipped",
    "index": "the neighbouring element, the keys of a mapping exchanged",
}


@dataclass(frozen=True)
class Explanation:
    """Why a fault survives; `after` is the faulty line it was written for."""

    after: str
    why: str


def read_explanations(path: Path) -> dict[str, Explanation]:
    """What the file says, by id of the fault: tables with `after` and `why`."""
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            key: Explanation(str(entry["after"]), str(entry["why"]).strip())
            for key, entry in data.items()
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error!r})",
            next_step='write ["<id>"] tables, each with after = "…" and why = "…"',
        ) from error


def explained(result: Result, explanations: Mapping[str, Explanation]) -> str:
    """The explanation of a survivor, or nothing: for another line it does not count."""
    known = explanations.get(result.id)
    return known.why if known is not None and known.after == result.after else ""


def unexplained(results: Iterable[Result], explanations: Mapping[str, Explanation]) -> list[Result]:
    """Survivors that nobody has explained."""
    return [
        result
        for result in results
        if result.status == Status.SURVIVED and not explained(result, explanations)
    ]


def document(
    results: Sequence[Result],
    explanations: Mapping[str, Explanation],
    command: str,
    conditions: Mapping[str, str],
) -> str:
    """The whole page."""
    parts = [
        _HEAD,
        f"    {command}\n",
        *(f"- {name}: {text}" for name, text in conditions.items()),
        "",
        _verdict(results),
        _RULES,
        "## By module\n",
        _score_table("module", scores_by(results, lambda result: result.module)),
        "\n## By operator\n",
        _score_table(
            "operator", scores_by(results, lambda result: result.operator), _OPERATORS.__getitem__
        ),
        "\n## Who noticed\n",
        _killers_table(results),
        "\n## Survivors\n",
        _survivors(results, explanations),
        "\n## Every fault\n",
        "<details><summary>What was done, and what noticed it</summary>\n",
        _all_faults(results),
        "\n</details>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(results: Sequence[Result]) -> str:
    total = score(results)
    statuses = Counter(str(result.status) for result in results)
    told = ", ".join(f"{name} {count}" for name, count in sorted(statuses.items()))
    return (
        f"**Score {total.percent}**: {total.noticed} of {total.scored} faults were noticed.\n"
        f"All {len(results)} chosen: {told}.\n"
    )


def _score_table(
    title: str, scores: Mapping[str, Score], meaning: Callable[[str], str] | None = None
) -> str:
    head = [title, *(["what"] if meaning else []), "noticed", "survived", "score", "apart"]
    rows = [f"| {' | '.join(head)} |", "|---" * (len(head) - 4) + "|---:" * 4 + "|"]
    for name, entry in scores.items():
        cells = [
            f"`{name}`",
            *([meaning(name)] if meaning else []),
            str(entry.noticed),
            str(entry.survived),
            entry.percent,
            str(entry.apart),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _killers_table(results: Sequence[Result]) -> str:
    count = Counter(
        (result.killer, _test_file(result)) for result in results if result.status in NOTICED
    )
    rows = ["| stage | check | faults |", "|---|---|---:|"]
    for (stage, check), number in sorted(count.items(), key=lambda item: (-item[1], item[0])):
        rows.append(f"| {stage} | {check} | {number} |")
    return "\n".join(rows)


def _test_file(result: Result) -> str:
    """The file of a test, or the invariant, or what else noticed."""
    return result.by.split("::")[0]


def _survivors(results: Sequence[Result], explanations: Mapping[str, Explanation]) -> str:
    survivors = [result for result in results if result.status == Status.SURVIVED]
    if not survivors:
        return "None."
    missing = unexplained(survivors, explanations)
    parts = [f"{len(survivors)} survived, {len(missing)} of them unexplained.\n"]
    for result in survivors:
        why = explained(result, explanations) or "**unexplained**"
        parts.append(
            f"### `{result.id}`\n\n```diff\n- {result.before}\n+ {result.after}\n```\n\n{why}\n"
        )
    return "\n".join(parts)


def _all_faults(results: Sequence[Result]) -> str:
    rows = ["| fault | line with it | status | by |", "|---|---|---|---|"]
    for result in sorted(results, key=lambda result: result.id):
        by = f"{result.killer}: {result.by}" if result.by else ""
        line = result.after.replace("|", "\\|").replace("`", "'")
        rows.append(f"| `{result.id}` | `{line}` | {result.status} | {by} |")
    return "\n".join(rows)
