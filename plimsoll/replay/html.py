"""One page that a risk committee can read: words, tables and pictures in a single file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

from plimsoll.replay import tables
from plimsoll.replay.report import Replay
from plimsoll.replay.words import findings, limits

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1120px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.sub { color: #666; margin-top: .2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; margin: .6rem 0 1.2rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e4e4e4;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th { border-bottom: 2px solid #8a8a8a; vertical-align: bottom; white-space: normal; }
.word { text-align: left; }
img { max-width: 100%; } figure { margin: 1rem 0; } figcaption { color: #666; font-size: 13px; }
li { margin: .3rem 0; }
"""


def page(replay: Replay, pictures: Mapping[str, Path]) -> str:
    """The page as HTML; pictures are inside it, so that it can be sent as one file."""
    name = escape(replay.settings.name)
    body = [
        f"<h1>{name}: what each policy would have taken</h1>",
        f'<p class="sub">{escape(replay.settings.about)}</p>',
        "<h2>Findings</h2>",
        _list(findings(replay)),
        *(_picture(says, path) for says, path in pictures.items()),
        "<h2>Tables</h2>",
        *(_table(table) for table in tables.every(replay)),
        "<h2>What these figures are, and what they are not</h2>",
        _list(limits(replay)),
        "<h2>Sources</h2>",
        _list(_sources(replay)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _list(lines: tuple[str, ...]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"


def _picture(says: str, path: Path) -> str:
    data = b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(says)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(says)}</figcaption></figure>"
    )


def _table(table: tables.Table) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        marks = ("word" if number < table.words else "" for number in range(len(cells)))
        return "".join(
            f'<{tag} class="{mark}">{escape(cell)}</{tag}>'
            if mark
            else f"<{tag}>{escape(cell)}</{tag}>"
            for cell, mark in zip(cells, marks, strict=True)
        )

    rows = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in table.rows)
    return (
        f'<div class="scroll"><table><caption>{escape(table.title)}</caption>\n'
        f"<thead><tr>{line(table.columns, 'th')}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
        "</table></div>"
    )


def _sources(replay: Replay) -> tuple[str, ...]:
    facts = (
        f"{fact['what']}: {fact['value']} ({fact['source']})" for fact in replay.settings.facts
    )
    return (f"Accounts: {replay.day.source}", f"Waves: {replay.settings.waves_source}", *facts)
