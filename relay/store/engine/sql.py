"""Looking up many rows by keys of several columns in one statement."""

from collections.abc import Iterable

import orjson
from sqlalchemy import Column, ColumnElement, FromClause, Table, and_, bindparam, func, literal_column


def listed(table: Table, *key: Column[str] | Column[int]) -> FromClause:
    """The rows whose keys are in the parameter `wanted`, which `keys` makes.

    SQLite uses no index for `(a, b) IN (VALUES …)`, whose values have no type: it would read the whole table.
    """
    wanted = func.json_each(bindparam("wanted")).table_valued("value", name="wanted")
    same: Iterable[ColumnElement[bool]] = (
        column == func.json_extract(wanted.c.value, literal_column(f"'$[{index}]'")) for index, column in enumerate(key)
    )
    return wanted.join(table, and_(*same))


def keys(wanted: Iterable[tuple[str | int, ...]]) -> str:
    """Keys as the parameter of `listed`, each once."""
    return orjson.dumps(list(set(wanted))).decode()
