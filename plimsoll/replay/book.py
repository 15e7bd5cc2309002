"""The winners of the day and its waves, from the public file or from quantiles of it.

A holding is what one deleveraged account had at the mark of its auto-deleveraging (ADL). All
quote amounts are wad (1e18 = one dollar). The published account value is cash without
unrealised profit; `equity` is that cash plus the profit of the closed position.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Final

from plimsoll.errors import InputError
from plimsoll.replay.quantiles import Outline, draw
from plimsoll.replay.settings import Settings, Wave, load_settings
from plimsoll.units import PPM, WAD, div_down, rounded

__all__ = ["Day", "Holding", "Wave", "load_day", "read_outlines"]

# the first that exists is read; the second is its name in the public repository
FILE_NAMES: Final = ("adl_by_account.csv", "adl_by_user_REALTIME.csv")
COLUMNS: Final = ("adl_notional", "closed_pnl", "account_value_realtime")
LEAST_ACCOUNTS: Final = 100


@dataclass(frozen=True)
class Holding:
    """One winner's position, as it stood when the venue closed it."""

    number: int
    notional: int  # wad quote, at the mark of the ADL
    profit: int  # wad, signed, unrealised at that mark
    equity: int  # wad: cash + profit; a few accounts have less than nothing
    hedged: bool  # assumed by a seeded draw: the data does not say


@dataclass(frozen=True)
class Day:
    """Everything a policy has to work with.

    A day with fewer accounts has smaller waves in proportion; `scale` is that proportion, and
    what insurance a policy names shrinks by it too.
    """

    holdings: tuple[Holding, ...]
    waves: tuple[Wave, ...]
    source: str
    scale: Fraction = Fraction(1)


def load_day(
    folder: Path | None, scenario: Path, accounts: int | None = None, seed: int | None = None
) -> Day:
    """The day from the public per-account file in `folder`, or drawn from the scenario.

    `accounts` keeps so many of them, evenly by size; the waves shrink as the profit does, so
    that every share stays what it is. `seed` is used in the place of the scenario's. InputError
    or ConfigError says what is wrong with a file.
    """
    settings = load_settings(scenario)
    if seed is not None:
        settings = replace(settings, seed=seed)
    outlines: Sequence[Outline]
    if folder is None:
        outlines = draw(settings.bands, settings.seed)
        source = f"drawn from quantiles of {settings.accounts_source}"
    else:
        outlines, path = read_outlines(folder)
        source = f"{path.name}: one holding per row"
        _enough(outlines, settings, path)
    kept = outlines if accounts is None else _fewer(outlines, accounts)
    scale = Fraction(_gains(kept), _gains(outlines))
    return Day(
        holdings=_holdings(kept, settings),
        waves=tuple(_shrunk(wave, scale) for wave in settings.waves),
        source=source,
        scale=scale,
    )


def read_outlines(folder: Path) -> tuple[tuple[Outline, ...], Path]:
    """Every account of the public file in `folder`, in its order, and the file's path."""
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder",
            next_step=f"name the folder that holds {FILE_NAMES[0]}, or leave --data out",
        )
    path = next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)
    if path is None:
        raise InputError(
            f"{folder} holds no {' and no '.join(FILE_NAMES)}",
            next_step="name the folder that holds the per-account file, or leave --data out",
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            outlines = tuple(_outlines(csv.DictReader(lines), path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}", next_step="download it again") from error
    if len(outlines) < LEAST_ACCOUNTS:
        raise InputError(
            f"{path} has {len(outlines)} accounts; a replay needs at least {LEAST_ACCOUNTS}",
            next_step="download the whole file again",
        )
    return outlines, path


def _outlines(rows: csv.DictReader[str], path: Path) -> Iterable[Outline]:
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path} lacks the column {', '.join(missing)}",
            next_step=f"it needs {', '.join(COLUMNS)}; download it again",
        )
    for row in rows:
        notional, profit, cash = (_wad(row, name, path, rows.line_num) for name in COLUMNS)
        if notional <= 0:
            raise InputError(
                f"{path}, line {rows.line_num}: adl_notional is not positive",
                next_step="correct or remove the line",
            )
        yield Outline(notional=notional, profit=profit, cash=cash)


def _wad(row: Mapping[str, str | None], column: str, path: Path, line: int) -> int:
    """A dollar amount as wad, to the nearest: the files carry the noise of floats."""
    try:
        with localcontext() as context:
            context.prec = 60
            return int((Decimal(row[column] or "") * WAD).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}, line {line}: {column} is {row[column]!r}, not a number",
            next_step="correct or remove the line",
        ) from error


def _holdings(outlines: Sequence[Outline], settings: Settings) -> tuple[Holding, ...]:
    coins = random.Random(settings.seed)  # noqa: S311 - repeatable, not secret
    return tuple(
        Holding(
            number=number,
            notional=one.notional,
            profit=one.profit,
            equity=one.cash + one.profit,
            hedged=coins.randrange(PPM) < settings.hedged_ppm,
        )
        for number, one in enumerate(outlines)
    )


def _fewer(outlines: Sequence[Outline], accounts: int) -> tuple[Outline, ...]:
    """`accounts` of them in their order, evenly over the ranks by notional."""
    if not LEAST_ACCOUNTS <= accounts <= len(outlines):
        raise InputError(
            f"{accounts} accounts cannot be chosen out of {len(outlines):,}",
            next_step=f"name a number from {LEAST_ACCOUNTS} to {len(outlines)}",
        )
    ranked = sorted(range(len(outlines)), key=lambda place: outlines[place].notional)
    chosen = {
        ranked[div_down(len(ranked) * (2 * rank + 1), 2 * accounts)] for rank in range(accounts)
    }
    return tuple(one for place, one in enumerate(outlines) if place in chosen)


def _enough(outlines: Iterable[Outline], settings: Settings, path: Path) -> None:
    """Refuse a file whose winners could not even pay: it is not the whole file."""
    gains, needed = _gains(outlines), sum(wave.needed for wave in settings.waves)
    if gains < needed:
        raise InputError(
            f"the accounts of {path} have {rounded(gains)} of profit, "
            f"and the waves need {rounded(needed)}",
            next_step="download the whole file again",
        )


def _gains(outlines: Iterable[Outline]) -> int:
    return sum(max(0, one.profit) for one in outlines)


def _shrunk(wave: Wave, scale: Fraction) -> Wave:
    return replace(
        wave,
        needed=math.floor(wave.needed * scale),
        taken_by_venue=math.floor(wave.taken_by_venue * scale),
        available=math.floor(wave.available * scale),
    )
