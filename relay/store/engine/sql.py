"""The one place that knows what SQLite and PostgreSQL say differently.

Statements are built once for both. SQLAlchemy's `insert` for SQLite says the same upsert as the one for PostgreSQL, and
does not load that dialect, which is 2 MB that most relays never use. SQLite's compiler leaves out the row locks that it
does not need, since it has one writer.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    FromClause,
    Index,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    literal_column,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["ByKey", "among", "by_key", "insert", "keys", "leasable", "listed", "locked", "partial_index"]


def partial_index(name: str, *columns: str, where: ColumnElement[bool]) -> Index:
    """An index over the rows that satisfy `where`, on both engines."""
    return Index(name, *columns, sqlite_where=where)  # PostgreSQL's word for it would load its dialect: see below


def leasable(rows: Select[Any], of: Table) -> CTE:
    """These rows, each taken by one courier only: what another one is just taking is passed over, not waited for.

    A CTE, since PostgreSQL may take more than its LIMIT in a plain subquery (bug 15715).
    """
    return rows.with_for_update(of=of, skip_locked=True, key_share=True).cte("leasable")


def locked(rows: Select[Any], of: Table) -> Select[Any]:
    """These rows, which nobody else changes until the transaction ends. Rows that refer to them may come and go."""
    return rows.with_for_update(of=of, key_share=True)


def among(column: Column[int], found: Select[Any]) -> ColumnElement[bool]:
    """Whether it is in what this question finds, which has a limit and is asked for each row of another table.

    PostgreSQL reads the whole table of `column` for such an IN. With an array it looks each one up by its index.
    """
    return _Among(column, found.scalar_subquery())


def listed(table: Table, *key: Column[str] | Column[int]) -> FromClause:
    """The rows whose keys are in the parameter `wanted`, which `keys` makes.

    SQLite uses no index for `(a, b) IN (VALUES …)`, whose values have no type: it would read the whole table.
    """
    wanted = _JsonRows(bindparam("wanted", type_=String)).table_valued("value", name="wanted")
    same: Iterable[ColumnElement[bool]] = (
        column == _part(wanted.c.value, index, column) for index, column in enumerate(key)
    )
    return wanted.join(table, and_(*same))


@dataclass(frozen=True, slots=True)
class ByKey:
    """A question about rows by their keys. Nearly always it is about one, and to say that one plainly costs a third."""

    one: Select[Any]
    many: Select[Any]
    names: tuple[str, ...]  #: Of the parameters of `one`.

    def of(self, wanted: Collection[tuple[str | int, ...]]) -> tuple[Select[Any], dict[str, str | int]]:
        """The question about these keys, as a connection takes it."""
        if len(wanted) > 1:
            return self.many, {"wanted": keys(wanted)}
        [key] = wanted
        return self.one, dict(zip(self.names, key, strict=True))


def by_key(rows: Select[Any], table: Table, *key: Column[str] | Column[int]) -> ByKey:
    """Ask for these rows by these columns, one key or many at a time."""
    names = tuple(f"of_{column.name}" for column in key)
    same = (column == bindparam(name) for column, name in zip(key, names, strict=True))
    return ByKey(rows.select_from(table).where(*same), rows.select_from(listed(table, *key)), names)


def keys(wanted: Iterable[tuple[str | int, ...]]) -> str:
    """Keys as the parameter of `listed`, each once."""
    return orjson.dumps(list(set(wanted))).decode()


@compiles(OnConflictDoNothing, "postgresql")
def _no_upsert_on_postgresql(element: Any, compiler: Any, **given: Any) -> str:  # noqa: ANN401 - its interface
    element.constraint_target = None  # PostgreSQL's compiler asks for a constraint's name first; SQLite knows none
    return str(compiler.visit_on_conflict_do_nothing(element, **given))


@compiles(OnConflictDoUpdate, "postgresql")
def _upsert_on_postgresql(element: Any, compiler: Any, **given: Any) -> str:  # noqa: ANN401
    element.constraint_target = None
    return str(compiler.visit_on_conflict_do_update(element, **given))


@compiles(CreateIndex, "postgresql")
def _index_on_postgresql(element: Any, compiler: Any, **given: Any) -> str:  # noqa: ANN401
    index = element.element
    index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return str(compiler.visit_create_index(element, **given))


class _InItsWords(FunctionElement[Any]):
    """What each engine says in words of its own, with the arguments in their places.

    Of no type: of a truth SQLite's compiler would ask whether it is 1.
    """

    inherit_cache = True
    sqlite: str
    postgresql: str


@compiles(_InItsWords, "sqlite")
def _said_on_sqlite(element: _InItsWords, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401 - its interface
    return element.sqlite.format(*[compiler.process(each, **given) for each in element.clauses])


@compiles(_InItsWords, "postgresql")
def _said_on_postgresql(element: _InItsWords, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401
    return element.postgresql.format(*[compiler.process(each, **given) for each in element.clauses])


class _Among(_InItsWords):
    """A column, and what is to hold it."""

    inherit_cache = True
    sqlite = "{} IN {}"
    postgresql = "{} = ANY (ARRAY{})"


class _JsonRows(_InItsWords):
    """A JSON array as rows, whose column is called `value`."""

    inherit_cache = True
    sqlite = "json_each({})"
    postgresql = "jsonb_array_elements(CAST({} AS jsonb))"


class _JsonPart(_InItsWords):
    """One element of a JSON array."""

    inherit_cache = True
    sqlite = "json_extract({}, '$[{}]')"
    postgresql = "({} ->> {})"


def _part(value: ColumnElement[Any], index: int, column: Column[Any]) -> ColumnElement[Any]:
    part = _JsonPart(value, literal_column(str(index)))
    return cast(part, column.type) if isinstance(column.type, Integer) else part
