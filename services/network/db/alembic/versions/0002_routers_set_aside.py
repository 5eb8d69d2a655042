"""Routers that an operator took from their agent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, in place: SQLite would else make the table anew, which others refer to."""
    op.add_column("routers", sa.Column("set_aside", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("routers", "set_aside")
