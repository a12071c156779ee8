"""Whether a customer was told that something of theirs was lost: once in a conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "client_link",
        sa.Column(
            "loss_told",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="they were told in this conversation that something of theirs was lost",
        ),
    )
