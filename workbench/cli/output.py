"""What a command prints: text for a person, or JSON for a program."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]


def answer(value: Any, text: str, *, as_json: bool) -> None:
    """Print `text`, or `value` as JSON."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2) if as_json else text)


def plain(value: Any) -> Any:
    """The value in JSON's own types: NaN and infinity become null, times ISO 8601, frames lists of rows."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value.name if isinstance(value, Enum) else value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "to_dicts"):
        return plain(value.to_dicts())
    if hasattr(value, "item"):
        return plain(value.item())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def table(frame: pl.DataFrame) -> str:
    """A frame as lines of text, every row and column of it."""
    import polars as pl

    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=160,
        fmt_str_lengths=80,
        tbl_formatting="NOTHING",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        thousands_separator=True,
    ):
        return str(frame)
