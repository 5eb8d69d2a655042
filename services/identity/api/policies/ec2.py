"""Who may do what with EC2 credentials and signed requests; names and defaults are upstream's."""

from common.http.policy import rule
from services.identity.api.policies.base import ADMIN, ADMIN_OR_SYSTEM_READER, ALL, NOT_DOMAIN

RULES = (
    rule("identity:ec2_get_credential",
         ADMIN_OR_SYSTEM_READER + " or user_id:%(target.credential.user_id)s",
         "Ec2 get credential.", scopes=NOT_DOMAIN),
    rule("identity:ec2_list_credentials",
         ADMIN_OR_SYSTEM_READER + " or rule:owner",
         "Ec2 list credentials.", scopes=NOT_DOMAIN),
    rule("identity:ec2_create_credential",
         ADMIN + " or (role:member and user_id:%(target.credential.user_id)s)",
         "Ec2 create credential.", scopes=NOT_DOMAIN),
    rule("identity:ec2_delete_credential",
         ADMIN + " or (role:member and user_id:%(target.credential.user_id)s)",
         "Ec2 delete credential.", scopes=NOT_DOMAIN),
    rule("identity:ec2tokens_validate", "rule:service_or_admin", "Ec2tokens validate.", scopes=ALL),
    rule("identity:s3tokens_validate", "rule:service_or_admin", "S3tokens validate.", scopes=ALL),
)
