"""SQLAlchemy writes the SQL, the driver runs it: a statement is compiled once, and from then on only takes values.

SQLAlchemy's own way through its execution contexts and result objects took two thirds of a transaction's time.
"""

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeGuard
from weakref import ref

from sqlalchemy import Boolean, ColumnElement, Dialect, Executable, Float, Insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:  # only a name
    from relay.model import Delivery

#: A value for each name that a statement leaves open.
Values: TypeAlias = Mapping[str, Any]
_Convert: TypeAlias = Callable[[Any], Any]

#: Rows of one INSERT at most.
_ROWS: Final = 128
#: The places of an INSERT's row; on PostgreSQL each says its type, which may have a length.
_ROW: Final = re.compile(r" VALUES (\((?:[^()]|\([^()]*\))*\))")
#: A dictionary, which nearly all are, is found at once: to ask for a mapping in general takes longer.
_MAPPING: Final = (dict, Mapping)
_LIST: Final = (list, tuple, set)
#: Truths for a database that does not know them.
_TRUTHS: Final[Mapping[Any, int | None]] = {True: 1, False: 0, None: None}
_NO_VALUES: Final[Values] = {}


class Cursor(Protocol):
    """What a driver must have (PEP 249)."""

    @property
    def description(self) -> Any: ...  # noqa: ANN401, D102 - as drivers have it
    @property
    def rowcount(self) -> int: ...  # noqa: D102
    @property
    def lastrowid(self) -> Any: ...  # noqa: ANN401, D102 - only some drivers know it
    def execute(self, text: Any, values: Any, /) -> object: ...  # noqa: ANN401, D102
    def executemany(self, text: Any, values: Any, /) -> object: ...  # noqa: ANN401, D102
    def fetchall(self) -> Sequence[Any]: ...  # noqa: D102


class Row(Protocol):
    """A row of an answer: its values in their order, and by the names of its columns."""

    def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401 - as its column says
    def __getitem__(self, index: Any) -> Any: ...  # noqa: ANN401
    def __iter__(self) -> Iterator[Any]: ...


class Rows(list[Row]):
    """What a statement has answered."""

    __slots__ = ("rowcount",)

    rowcount: int  #: How many rows it changed.

    def first(self) -> Row | None:
        """The first row, if there is one."""
        return self[0] if self else None

    def scalar(self) -> Any:  # noqa: ANN401 - as its column says
        """The first value of the first row; None when there is no row."""
        return self[0][0] if self else None


class Statements:
    """The statements of one dialect, ready for its driver for as long as somebody has them: most of them for ever.

    `pipelines`: the driver sends many rows of a statement in one go by itself. Else they are put into one statement,
    since between two rows it would let go of Python's lock, and get it back late under load.
    `tells_ids`: it says by itself which id a new row got. Else the statement has to ask for it.
    """

    def __init__(self, dialect: Dialect, *, pipelines: bool, tells_ids: bool) -> None:
        self.tells_ids = tells_ids
        self._dialect = dialect
        self._pipelines = pipelines
        self._kept: dict[int, _Kept] = {}  #: By what tells living statements apart.

    def one(self, statement: Executable, values: Values) -> "_Statement":
        """The statement for these values: how long its lists are is a part of its text, and what an INSERT gets.

        Any other takes values of the same names at each call.
        """
        kept = self._kept.get(id(statement)) or self._kept_of(statement)
        if kept.only is not None:
            return kept.only
        if isinstance(statement, Insert):
            key: tuple[Any, ...] = tuple(values)
        else:
            key = tuple([_longer(len(value)) for value in values.values() if isinstance(value, _LIST)])
        found = kept.statements.get(key)
        if found is None:
            found = kept.statements[key] = _compile(statement, self._dialect, values)
            if not key and not isinstance(statement, Insert):
                kept.only = found
        return found

    def insert(self, statement: Insert, names: tuple[str, ...]) -> "_Insert":
        """An INSERT of as many rows as one likes."""
        inserts = self._kept_of(statement).inserts
        if names not in inserts:
            inserts[names] = _compile_insert(statement, self._dialect, names)
        return inserts[names]

    def answering(self, statement: Insert) -> Insert:
        """The statement, answering with the new row's id."""
        kept = self._kept_of(statement)
        if kept.answering is None:
            kept.answering = statement.returning(statement.table.c.id)
        return kept.answering

    def inserts_at_once(self, statement: Executable) -> TypeGuard[Insert]:
        """Whether many rows go into one statement. Whoever answers cannot be sent as many."""
        return isinstance(statement, Insert) and (not self._pipelines or bool(statement.exported_columns))

    def _kept_of(self, statement: Executable) -> "_Kept":
        """One that is made anew for each call goes with it: what is compiled must not refer to it."""
        key = id(statement)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(ref(statement, lambda _: self._kept.pop(key, None)))
        return kept


class Connection:
    """What a verb speaks to: it takes SQLAlchemy Core's statements. Within a transaction that it does not end.

    Raises what the driver raises.
    """

    def __init__(self, cursor: Cursor, statements: Statements, holder: str | None = None) -> None:
        self.holder = holder  #: Which of several relays this one is; None where there can be but one.
        self.leased: list[tuple[int, int]] = []  #: Lanes that this transaction leases, each with its lease.
        self.let_go: list[tuple[int, int]] = []  #: Those that it lets go of, or finds lost.
        self.late: Sequence[object] = ()  #: What late verbs are asked for in this transaction.
        self.handed: list[Delivery] = []  #: What verbs before a claim have leased for it.
        self._cursor = cursor
        self._statements = statements

    def execute(self, statement: Executable, values: Values | Sequence[Values] = _NO_VALUES) -> Rows:
        """Run a statement, once, or for each of some: of one at least."""
        if not isinstance(values, _MAPPING):
            if len(values) > 1:
                return self._execute_many(statement, values)
            [values] = values
        prepared = self._statements.one(statement, values)
        return self._run(prepared, prepared.text, prepared.arguments(values))

    def _execute_many(self, statement: Executable, values: Sequence[Values]) -> Rows:
        if self._statements.inserts_at_once(statement):
            return self._insert(statement, values)
        prepared = self._statements.one(statement, values[0])
        self._cursor.executemany(prepared.text, [prepared.arguments(each) for each in values])
        rows = Rows()
        rows.rowcount = self._cursor.rowcount
        return rows

    def insert(self, statement: Insert, values: Values) -> int | None:
        """Insert one row; its id. None: it was left out, as the statement wants it in a conflict.

        RETURNING would do as well, but costs a lone message as much as one of its statements.
        """
        if not self._statements.tells_ids:
            number: int | None = self.scalar(self._statements.answering(statement), values)
            return number
        prepared = self._statements.one(statement, values)
        self._cursor.execute(prepared.text, prepared.arguments(values))
        return int(self._cursor.lastrowid) if self._cursor.rowcount else None

    def scalar(self, statement: Executable, values: Values = _NO_VALUES) -> Any:  # noqa: ANN401 - as its column says
        """The first value of the first row; None when there is no row."""
        return self.execute(statement, values).scalar()

    def scalars(self, statement: Executable, values: Values = _NO_VALUES) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.execute(statement, values)]

    def exec_driver_sql(self, text: str) -> Rows:
        """Run what only one engine understands."""
        self._cursor.execute(text, ())
        rows = Rows([] if self._cursor.description is None else self._cursor.fetchall())
        rows.rowcount = self._cursor.rowcount
        return rows

    def _insert(self, statement: Insert, values: Sequence[Values]) -> Rows:
        prepared, found, done = self._statements.insert(statement, tuple(values[0])), Rows(), 0
        found.rowcount = 0
        while done < len(values):
            number = min(_ROWS, _shorter(len(values) - done))  # powers of two, so that there are few texts
            arguments = prepared.arguments(values[done : done + number])
            part = self._run(prepared.one, prepared.text(number), arguments)
            found += part
            found.rowcount += part.rowcount
            done += number
        return found

    def _run(self, prepared: "_Statement", text: str, arguments: Sequence[Any]) -> Rows:
        cursor = self._cursor
        cursor.execute(text, arguments)
        rows = Rows() if cursor.description is None else prepared.read(cursor)
        rows.rowcount = cursor.rowcount
        return rows


@dataclass(slots=True)
class _Kept:
    """What was compiled of a statement."""

    of: ref[Executable]  #: Lets go of it when the statement goes.
    only: "_Statement | None" = None  #: What it always is, if it has one text.
    #: By how long its lists are; those of an INSERT by the names of its values.
    statements: dict[tuple[Any, ...], "_Statement"] = field(default_factory=dict)
    inserts: dict[tuple[str, ...], "_Insert"] = field(default_factory=dict)
    answering: Insert | None = None


@dataclass(slots=True)
class _Statement:
    """A text, and how its places get their values."""

    text: str
    arguments: Callable[[Values], Sequence[Any]]  #: The values in their places.
    columns: tuple[ColumnElement[Any], ...]  #: Of its answer.
    dialect: Dialect
    _reads: "_Reads | None" = None

    def read(self, cursor: Cursor) -> Rows:
        """The driver's rows as ours."""
        if self._reads is None:
            self._reads = _Reads.of(self.columns, cursor.description, self.dialect)
        reads, rows = self._reads, cursor.fetchall()
        return Rows(map(reads.make, map(reads.converted, rows) if reads.converts else rows))


@dataclass(frozen=True, slots=True)
class _Insert:
    """An INSERT whose row can stand in it many times. To have SQLAlchemy write them all takes milliseconds."""

    one: _Statement  #: Of one row.
    parts: tuple[str, str, str]  #: What stands before the row, the row, and what stands after it.
    take: Callable[[Values], Sequence[Any]]  #: A row's values in their places.
    width: int  #: How many there are.
    converts: tuple[tuple[int, _Convert], ...]
    after: Sequence[Any]  #: The values that stand after all rows.

    def text(self, number: int) -> str:
        """The statement for so many rows."""
        before, row, after = self.parts
        return before + ", ".join([row] * number) + after

    def arguments(self, rows: Sequence[Values]) -> Sequence[Any]:
        """The values of these rows in their places."""
        values = [*chain.from_iterable(map(self.take, rows))]
        for index, convert in self.converts:
            column = slice(index, None, self.width)
            values[column] = map(convert, values[column])
        values += self.after
        return values


@dataclass(frozen=True, slots=True)
class _Reads:
    """How the rows of a statement are read: known when its first answer is there."""

    converts: tuple[tuple[int, _Convert], ...]  #: From what the driver gives to what Python has.
    make: Callable[[Sequence[Any]], Any]

    def converted(self, row: Sequence[Any]) -> list[Any]:
        """A row's values as Python has them."""
        values = [*row]
        for index, convert in self.converts:
            values[index] = convert(values[index])
        return values

    @classmethod
    def of(cls, columns: Sequence[ColumnElement[Any]], description: Any, dialect: Dialect) -> "_Reads":  # noqa: ANN401
        converts = []
        for index, (column, said) in enumerate(zip(columns, description, strict=False)):
            convert = column.type.dialect_impl(dialect).result_processor(dialect, said[1])
            if convert is not None:
                converts.append((index, convert))
        names = [str(said[0]) for said in description]
        row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 - known only now
        return cls(tuple(converts), partial(tuple.__new__, row))  # `_make` is the same with a look at the length


@dataclass(frozen=True, slots=True)
class _Places:
    """How the values get into the places of a statement that needs more than to have them taken."""

    take: Callable[[Values], Sequence[Any]]
    defaults: Values
    converts: tuple[tuple[str, _Convert], ...]  #: From what Python has to what the driver takes.
    lists: tuple["_List", ...]

    def filled(self, values: Values) -> Sequence[Any]:
        """The values in their places."""
        values = {**self.defaults, **values}
        for each in self.lists:
            values.update(each.spread(values[each.name]))
        for name, convert in self.converts:
            values[name] = convert(values[name])
        return self.take(values)


@dataclass(frozen=True, slots=True)
class _List:
    """A list among the values, and what its elements are called one by one."""

    name: str
    names: tuple[str, ...]

    def spread(self, values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
        """The elements by their names. The last one once more, up to the length, changes no `IN`."""
        return zip(self.names, _filled(values, len(self.names)), strict=True)


def _compile(statement: Executable, dialect: Dialect, values: Values) -> _Statement:
    compiled = _compiled(statement, dialect, list(values))
    lists = [name for bind, name in compiled.bind_names.items() if bind.expanding]
    if not lists:
        return _statement(statement, compiled, compiled.string, compiled.positiontup or [])
    given = {**compiled.params, **values}
    filled = {name: _filled(given[name], _longer(len(given[name]))) for name in lists}
    expanded = compiled.construct_expanded_state({**given, **filled})
    places, names = expanded.positiontup or [], expanded.parameter_expansion
    return _statement(statement, compiled, expanded.statement, places, names)


def _compile_insert(statement: Insert, dialect: Dialect, names: tuple[str, ...]) -> _Insert:
    compiled = _compiled(statement, dialect, list(names))
    places = compiled.positiontup or []
    one = _statement(statement, compiled, compiled.string, places)
    found = _ROW.search(one.text)
    if found is None:
        raise ValueError(f"an INSERT without a row: {one.text}")
    parts = one.text[: found.start(1)], found[1], one.text[found.end(1) :]
    of_row, others = places[: len(names)], places[len(names) :]
    converts, defaults = dict(_converts(compiled, {})), _defaults(compiled)
    return _Insert(
        one,
        parts,
        _taking(of_row),
        len(of_row),
        tuple((index, converts[name]) for index, name in enumerate(of_row) if name in converts),
        [converts[name](defaults[name]) if name in converts else defaults[name] for name in others],
    )


def _compiled(statement: Executable, dialect: Dialect, names: list[str]) -> SQLCompiler:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]  # all can
    return compiled


def _statement(
    statement: Executable,
    compiled: SQLCompiler,
    text: str,
    places: Sequence[str],
    lists: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> _Statement:
    take, defaults, converts = _taking(places), _defaults(compiled), tuple(_converts(compiled, lists))
    if defaults or converts or lists:
        spread = tuple(_List(name, tuple(names)) for name, names in lists.items())
        take = _Places(take, defaults, converts, spread).filled
    return _Statement(text, take, tuple(getattr(statement, "exported_columns", ())), compiled.dialect)


def _defaults(compiled: SQLCompiler) -> dict[str, Any]:
    return {name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required}


def _converts(compiled: SQLCompiler, lists: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, _Convert]]:
    for bind, name in compiled.bind_names.items():
        convert = _convert(bind.type, compiled.dialect)
        if convert is not None:
            for each in lists.get(name, (name,)):
                yield each, convert


def _convert(of: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    """What a value needs before the driver takes it. SQLAlchemy would also look at each truth and each number."""
    if isinstance(of, Float):
        return None  # a column holds any number as one; only what SQLite's RETURNING answers is as it was given
    if isinstance(of, Boolean):
        return None if dialect.supports_native_boolean else _TRUTHS.__getitem__
    return of.dialect_impl(dialect).bind_processor(dialect)


def _taking(names: Sequence[str]) -> Callable[[Values], Sequence[Any]]:
    if len(names) > 1:
        return itemgetter(*names)
    if len(names) == 1:
        [name] = names
        return lambda values: (values[name],)
    return lambda _: ()


def _longer(length: int) -> int:
    """Lists are filled up to powers of two, so that there are few texts."""
    return 1 << (length - 1).bit_length() if length > 1 else length


def _shorter(length: int) -> int:
    return 1 << (length.bit_length() - 1)


def _filled(values: Iterable[Any], length: int) -> list[Any]:
    filled = list(values)
    return filled + filled[-1:] * (length - len(filled))
