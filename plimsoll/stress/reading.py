"""Typed values out of a TOML file; a mistake is told with the file and the path of its key.

A number in the file is an exact decimal, never a float. Fractions are parts of one: 0.25.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from plimsoll.errors import ConfigError
from plimsoll.units import PPM, WAD, to_ppm, to_units, to_wad

HELP: Final = "correct the file; docs/stress.md describes every key"

_T = TypeVar("_T")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOST_WAD: Final = 10**15 * WAD  # quote or base units; more is a slip of the pen
_NOTHING: Final[dict[str, Any]] = {}


def read_toml(path: Path) -> Section:
    """The whole file as a section."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}",
            next_step="name an existing file, such as scenarios/stress/gap_20.toml",
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}", next_step="correct the file") from error
    return Section(data, path)


class Section:
    """One table of a file. Every method reads one key and refuses what it cannot be.

    A key without a default must be there.
    """

    def __init__(self, data: dict[str, Any], path: Path, place: str = "") -> None:
        self._data = data
        self.path = path
        self._place = place

    @property
    def keys(self) -> list[str]:
        """The keys, in the order of the file."""
        return list(self._data)

    @property
    def values(self) -> dict[str, Any]:
        """What it holds, as the file says it."""
        return dict(self._data)

    def over(self, values: dict[str, Any]) -> Section:
        """The same with values for keys that are missing here."""
        return Section(values | self._data, self.path, self._place)

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def only(self, *known: str) -> None:
        """Refuse keys that nobody reads: a misspelt one would be ignored."""
        for key in self._data:
            if key not in known:
                self.wrong(key, f"is not known here; known are {', '.join(known)}")

    def wrong(self, key: str, problem: str) -> NoReturn:
        """Refuse the file for this key."""
        raise ConfigError(f"{self.path}: {self._full(key)} {problem}", next_step=HELP)

    # --- single values -----------------------------------------------------------------

    def text(self, key: str, default: str | None = None) -> str:
        """Some words."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f"must be text, not {value!r}")
        return value.strip()

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of some words."""
        value = self.text(key, default)
        if value not in allowed:
            self.wrong(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"must be true or false, not {value!r}")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number within bounds."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(key, f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    def wad(self, key: str, default: str | None = None, *, positive: bool = False) -> int:
        """An amount or a price, as wad."""
        value = self._number(key, default, to_wad)
        if not (1 if positive else 0) <= value <= _MOST_WAD:
            self.wrong(key, f"must be an amount {'above' if positive else 'of at least'} 0")
        return value

    def part(self, key: str, default: str | None = None, *, low: str = "0", high: str = "1") -> int:
        """A fraction within bounds, as ppm."""
        value = self._number(key, default, to_ppm)
        if not to_ppm(low) <= value <= to_ppm(high):
            self.wrong(key, f"must lie between {low} and {high}, not {Decimal(value) / PPM}")
        return value

    def number(self, key: str, scale: int) -> int:
        """A number of any sign, in units of 1 / scale."""
        return self._number(key, None, lambda value: to_units(value, len(str(scale)) - 1))

    def is_table(self, key: str) -> bool:
        """Whether the key holds a table."""
        return isinstance(self._data.get(key), dict)

    def seconds(self, key: str, default: str | None = None) -> int:
        """A time such as "90s", "5m" or "1h 30m", in seconds; 0 needs no unit."""
        value = self._get(key, default)
        if value == 0 and not isinstance(value, bool):
            return 0
        parts = str(value).split() if isinstance(value, str) else []
        found = [re.fullmatch(r"(\d+)([smhd])", part) for part in parts]
        if not parts or None in found:
            self.wrong(key, f'must be a time such as "90s", "5m", "1h 30m", "14d", not {value!r}')
        return sum(int(match[1]) * _UNITS_S[match[2]] for match in found if match)

    # --- several values ----------------------------------------------------------------

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of words; one word is a list of one."""
        value = self._get(key, default)
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            self.wrong(key, f"must be a list of texts, not {value!r}")
        return tuple(value)

    def parts(self, key: str, default: Sequence[str], *, low: str, high: str) -> tuple[int, ...]:
        """A list of fractions within bounds, as ppm."""
        values = self._get(key, default or None)
        if not isinstance(values, list | tuple) or not values:
            self.wrong(key, f"must be a list of numbers, not {values!r}")
        entries = {f"[{i}]": value for i, value in enumerate(values, start=1)}
        numbers = Section(entries, self.path, self._full(key))
        return tuple(numbers.part(entry, low=low, high=high) for entry in numbers.keys)

    def pair(self, key: str, *, low: str, high: str) -> tuple[int, int]:
        """A lower and an upper bound, as ppm."""
        values = self.parts(key, (), low=low, high=high)
        if len(values) != 2 or values[0] > values[1]:
            self.wrong(key, "must be two numbers, the smaller one first")
        return values[0], values[1]

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers from 1; empty if the key is missing."""
        values = self._get(key, ())
        if not isinstance(values, list | tuple) or not all(
            isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in values
        ):
            self.wrong(key, f"must be a list of numbers from 1, not {values!r}")
        return tuple(values)

    def section(self, key: str, *, optional: bool = False) -> Section:
        """A table inside; an optional one may be missing, and is empty then."""
        value = self._get(key, _NOTHING if optional else None)
        if not isinstance(value, dict):
            self.wrong(key, "must be a table")
        return Section(value, self.path, self._full(key))

    def sections(self, key: str, *, optional: bool = False) -> list[Section]:
        """A list of tables, [[key]]."""
        value = self._get(key, [] if optional else None)
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.wrong(key, f"must be a list of tables: [[{key}]]")
        return [
            Section(entry, self.path, f"{self._full(key)}[{number}]")
            for number, entry in enumerate(value, start=1)
        ]

    # --- internals ---------------------------------------------------------------------

    def _get(self, key: str, default: Any) -> Any:
        if key in self._data:
            return self._data[key]
        if default is None:
            self.wrong(key, "is missing")
        return default

    def _number(self, key: str, default: str | None, scaled: Callable[[Any], int]) -> int:
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            self.wrong(key, f"must be a number, not {value!r}")
        try:
            return scaled(value)
        except ValueError as error:
            self.wrong(key, f"must be a number, not {value!r} ({error})")

    def _full(self, key: str) -> str:
        if not self._place or key.startswith("["):
            return self._place + key
        return f"{self._place}.{key}"
