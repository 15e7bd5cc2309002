"""Text that a program keeps up to date between two marks of a document."""

from __future__ import annotations

from plimsoll.errors import ConfigError


def put_between(text: str, marks: tuple[str, str], new: str, where: object) -> str:
    """The text with `new`, and nothing else, on lines of its own between its two marks.

    ConfigError names the document, `where`, unless each mark stands in it once.
    """
    begin, end = marks
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ConfigError(
            f"{where} has no place for the tables", next_step=f"write {begin} and {end} into it"
        )
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{new}\n{end}{after}"
