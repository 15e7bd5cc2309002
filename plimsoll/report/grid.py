"""A table once for the terminal, the page and the document, and the page itself in one file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

from rich.table import Table

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1120px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h3 { margin-top: 2rem; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
p.note { color: #666; font-size: 13px; } p.bad, .bad { color: #b00; font-weight: 600; }
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
_ALARM: Final = "FAILED"


@dataclass(frozen=True)
class Grid:
    """A title, columns and rows of text; the first `words` columns are words, not figures.

    A cell that begins with FAILED colours its row on the terminal.

    >>> print(Grid("Sizes", ("what", "bytes"), (("Lens", "6,502"),)).as_markdown())
    **Sizes**
    <BLANKLINE>
    | what | bytes |
    | --- | ---: |
    | Lens | 6,502 |
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: int = 1

    def as_rich(self) -> Table:
        """For the terminal."""
        shown = Table(
            title=self.title, title_justify="left", box=None, header_style="bold", pad_edge=False,
            padding=(0, 2, 0, 0),
        )  # fmt: skip
        for number, column in enumerate(self.columns):
            shown.add_column(column, justify="left" if number < self.words else "right")
        for row in self.rows:
            alarming = any(cell.startswith(_ALARM) for cell in row)
            shown.add_row(*row, style="red" if alarming else "")
        return shown

    def as_html(self) -> str:
        """For the page."""
        rows = "\n".join(f"<tr>{self._line(row, 'td')}</tr>" for row in self.rows)
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        return (
            f'<div class="scroll"><table><caption>{escape(self.title)}</caption>\n'
            f"<thead><tr>{self._line(self.columns, 'th')}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
            f"</table></div>{note}"
        )

    def as_markdown(self) -> str:
        """For the document."""
        rules = ("---" if number < self.words else "---:" for number in range(len(self.columns)))
        lines = (self.columns, tuple(rules), *self.rows)
        text = f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{text}\n\n{self.note}" if self.note else text

    def _line(self, cells: tuple[str, ...], tag: str) -> str:
        return "".join(
            f'<{tag} class="word">{escape(cell)}</{tag}>'
            if number < self.words
            else f"<{tag}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )


def page(title: str, body: Iterable[str]) -> str:
    """A whole page of parts that are HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def bullets(lines: Iterable[str]) -> str:
    """A list of plain sentences."""
    return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"


def picture(png: bytes, says: str, caption: str = "") -> str:
    """A picture inside the page, which is sent as one file; `says` is for who cannot see it."""
    data = b64encode(png).decode()
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(says)}" src="data:image/png;base64,{data}">{below}</figure>'
