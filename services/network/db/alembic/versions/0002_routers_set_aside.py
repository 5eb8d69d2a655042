"""Routers that an operator took from their agent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    with op.batch_alter_table("routers") as table:
        table.add_column(sa.Column("set_aside", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("routers") as table:
        table.drop_column("set_aside")
