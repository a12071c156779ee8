"""How Alembic reaches the database: `relay.store.migrating` hands over the path."""

from alembic import context
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from relay.store.engine.tables import metadata

engine = create_engine(
    f"sqlite:///{context.config.attributes['path']}", poolclass=NullPool, connect_args={"isolation_level": None}
)


@event.listens_for(engine, "begin")
def _begin(connection):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Alembic runs this file by path
    # The driver would commit before each DDL statement; this way a migration is all or nothing.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
