"""Each of several relays counts in rows of its own, which are summed when they are read."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_WRITER = "which of several relays; empty: one that has its database alone, or those that are gone"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("tally", _writer())
        op.drop_constraint("pk_tally", "tally", type_="primary")
        op.create_primary_key("pk_tally", "tally", ["channel", "direction", "outcome", "writer"])
        return
    # SQLite gives no table another key.
    op.rename_table("tally", "tally_before")
    op.create_table(
        "tally",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        _writer(),
        sa.PrimaryKeyConstraint("channel", "direction", "outcome", "writer", name="pk_tally"),
    )
    op.execute(
        "INSERT INTO tally (channel, direction, outcome, total)"
        " SELECT channel, direction, outcome, total FROM tally_before"
    )
    op.drop_table("tally_before")


def _writer() -> sa.Column[str]:
    return sa.Column("writer", sa.String(32), nullable=False, server_default="", comment=_WRITER)
