"""Policies of what the cloud runs on: for operators."""

from common.http.policy import ADMIN, SERVICE, rule
from services.compute.api.policies.servers import table

RULES = (*table("""
os-hypervisors:list os-hypervisors:list-detail os-hypervisors:statistics os-hypervisors:show os-hypervisors:uptime
os-hypervisors:search os-hypervisors:servers os-services:list os-services:update os-services:delete os-aggregates:index
os-aggregates:create os-aggregates:show os-aggregates:update os-aggregates:delete os-aggregates:add_host
os-aggregates:remove_host os-aggregates:set_metadata os-hosts:list os-hosts:show os-hosts:update
os-instance-usage-audit-log:list os-instance-usage-audit-log:show os-baremetal-nodes:list os-baremetal-nodes:show
""", ADMIN),
         *table("os-assisted-volume-snapshots:create os-assisted-volume-snapshots:delete", SERVICE),
         rule("compute:aggregates:images", ADMIN, "Have the hosts of an aggregate fetch images."))
