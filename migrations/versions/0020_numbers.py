"""SQLite gives no number twice, also when the row is gone that had it: others may remember it.

The tables are not rebuilt, which would write a large file anew: nothing but their text changes, as
https://sqlite.org/lang_altertable.html says for changes that touch no row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

#: Where each table's numbers are remembered, besides in itself.
_REMEMBERED = {
    "inbox": ("SELECT last_letter FROM erasure",),
    "lane": (),
    "outbox": (
        "SELECT last_delivery FROM erasure",
        "SELECT up_to FROM away_notice",
        "SELECT delivery_id FROM message",
    ),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # PostgreSQL's sequences never fall back
        _declare(op.get_bind())
        _begin_after_what_was_given(op.get_bind())


def _declare(connection: sa.Connection) -> None:
    """Write AUTOINCREMENT into the tables' text."""
    connection.exec_driver_sql("CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT)")  # brings sqlite_sequence
    connection.exec_driver_sql("DROP TABLE first")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, 'PRIMARY KEY (id)', 'PRIMARY KEY (id AUTOINCREMENT)')"
        " WHERE type = 'table' AND name IN ('inbox', 'lane', 'outbox') AND sql LIKE '%PRIMARY KEY (id)%'"
    ).rowcount
    if changed != len(_REMEMBERED):
        raise RuntimeError(f"{changed} tables of {len(_REMEMBERED)} are as the first schema made them")
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")  # and the text is read anew


def _begin_after_what_was_given(connection: sa.Connection) -> None:
    for table, others in _REMEMBERED.items():
        given = " UNION ALL ".join((f"SELECT max(id) AS number FROM {table}", *others))  # noqa: S608 - our own names
        connection.exec_driver_sql(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT '{table}', coalesce(max(number), 0) FROM ({given})"  # noqa: S608
        )
