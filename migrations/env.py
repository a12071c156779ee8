"""How Alembic reaches the database: `relay.store.engine.migrating` hands over a file's path or a PostgreSQL's URL."""

from pathlib import Path

from alembic import context
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from relay.store.engine.tables import metadata

handed_over = context.config.attributes


def _migrate_file(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"isolation_level": None})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver would commit before each DDL statement; this way a migration is all or nothing.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _migrate_server(url: str) -> None:
    from relay.store.engine.postgresql import migrating_alone  # noqa: PLC0415 - psycopg is an extra

    # All migrations in one transaction, whose lock is held until its end: nobody ever sees a version in between.
    with migrating_alone(url) as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()


if "url" in handed_over:
    _migrate_server(handed_over["url"])
else:
    _migrate_file(handed_over["path"])
