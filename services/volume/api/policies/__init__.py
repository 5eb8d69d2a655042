"""Policies of the block storage API, one module for each noun."""

from services.volume.api.policies import attachments, backups, quotas, services, snapshots, transfers, types, volumes

RULES = [*volumes.RULES, *snapshots.RULES, *attachments.RULES, *types.RULES, *quotas.RULES, *services.RULES, *transfers.RULES,
         *backups.RULES]
