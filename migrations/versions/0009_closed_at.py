"""When a conversation was closed: what comes a moment later still belongs to it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client_link", sa.Column("closed_at", sa.Float(), nullable=True))
