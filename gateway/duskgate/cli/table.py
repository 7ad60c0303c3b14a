"""Tables for people: drawn in a terminal, plain aligned columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Sequence[str]


def show(columns: Row, rows: Sequence[Row], styles: Sequence[str] | None = None) -> None:
    """Print a table. ``styles``: rich's, one for each row; a pipe has none."""
    if not sys.stdout.isatty():
        for line in plain(columns, rows):
            click.echo(line)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row, style in zip(rows, styles or [""] * len(rows), strict=True):
        table.add_row(*(Text(cell) for cell in row), style=style)
    Console().print(table)


def plain(columns: Row, rows: Sequence[Row]) -> Iterator[str]:
    """The lines of a table: the same columns for every reader, two blanks between them."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
