"""One page that a risk committee can read: words, tables and pictures in a single file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from plimsoll.replay import tables
from plimsoll.replay.report import Replay
from plimsoll.replay.words import findings, limits
from plimsoll.report import grid
from plimsoll.report.grid import bullets, picture


def page(replay: Replay, pictures: Mapping[str, Path]) -> str:
    """The page as HTML; pictures are inside it, so that it can be sent as one file."""
    name = replay.settings.name
    body = [
        f"<h1>{escape(name)}: what each policy would have taken</h1>",
        f'<p class="note">{escape(replay.settings.about)}</p>',
        "<h2>Findings</h2>",
        bullets(findings(replay)),
        *(picture(path.read_bytes(), says, says) for says, path in pictures.items()),
        "<h2>Tables</h2>",
        *(table.as_html() for table in tables.every(replay)),
        "<h2>What these figures are, and what they are not</h2>",
        bullets(limits(replay)),
        "<h2>Sources</h2>",
        bullets(_sources(replay)),
    ]
    return grid.page(name, body)


def _sources(replay: Replay) -> tuple[str, ...]:
    facts = (
        f"{fact['what']}: {fact['value']} ({fact['source']})" for fact in replay.settings.facts
    )
    return (f"Accounts: {replay.day.source}", f"Waves: {replay.settings.waves_source}", *facts)
