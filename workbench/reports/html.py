"""Small pieces of HTML: escaped text, and tables that a screen reader can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """A table whose first column heads its rows; the first `texts` columns are words, the others numbers.

    Cells are escaped; a cell that begins with a minus or a plus is coloured as a loss or a gain.
    """
    kinds = (' class="text"' if place < texts else "" for place in range(len(head)))
    headings = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = "".join(f"<tr>{row_cells(row, texts)}</tr>" for row in rows)
    narrow = ' class="narrow"' if len(head) < 3 else ""
    return (
        f'<div class="wide"><table{narrow}><caption>{escape(caption)}</caption><thead><tr>{headings}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def row_cells(row: Sequence[str], texts: int) -> str:
    first = f'<th scope="row">{escape(row[0])}</th>'
    rest = (f"<td{cell_class(cell, place, texts)}>{escape(cell)}</td>" for place, cell in enumerate(row[1:], 1))
    return first + "".join(rest)


def cell_class(cell: str, place: int, texts: int) -> str:
    if place < texts:
        return ' class="text"'
    return {"+": ' class="gain"', "−": ' class="loss"'}.get(cell[:1], "")


def facts(caption: str, entries: Mapping[str, Any]) -> str:
    """A table of names and values; a mapping inside is written under its name."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td></tr>'
        for name, value in flat(entries)
    )
    return f'<table class="facts"><caption>{escape(caption)}</caption><tbody>{lines}</tbody></table>'


def flat(entries: Mapping[str, Any], under: str = "") -> list[tuple[str, str]]:
    """Names and values of nested mappings, with names such as "fees · maker"."""
    found: list[tuple[str, str]] = []
    for name, value in entries.items():
        path = f"{under} · {name}" if under else str(name)
        found += flat(value, path) if isinstance(value, Mapping) and value else [(path, str(value))]
    return found
