"""Policies of what belongs to projects and users: flavors, key pairs, groups, limits, proxies of other services."""

from common.http.policy import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, ANYONE, rule
from services.compute.api.policies.servers import P, table

_ANYONE = "extensions flavors:index flavors:show os-availability-zone:list limits os-quota-sets:defaults os-floating-ip-pools"
_OWN = "os-keypairs:index os-keypairs:show os-keypairs:create os-keypairs:delete"
_READER = """
os-server-groups:index os-server-groups:show os-quota-sets:show os-quota-sets:detail os-simple-tenant-usage:show
os-flavor-extra-specs:index os-flavor-extra-specs:show os-security-groups:get os-security-groups:show os-floating-ips:list
os-floating-ips:show os-networks:list os-networks:show os-tenant-networks:list os-tenant-networks:show
os-volumes:list os-volumes:detail os-volumes:show os-volumes:snapshots:list os-volumes:snapshots:detail os-volumes:snapshots:show
images:index images:show
"""
_MEMBER = """
os-server-groups:create os-server-groups:delete os-security-groups:create os-security-groups:update os-security-groups:delete
os-security-groups:rule:create os-security-groups:rule:delete os-floating-ips:create os-floating-ips:delete os-volumes:create
os-volumes:delete os-volumes:snapshots:create os-volumes:snapshots:delete images:update images:delete
"""
_ADMIN = """
os-flavor-manage:create os-flavor-manage:update os-flavor-manage:delete os-flavor-access os-flavor-access:add_tenant_access
os-flavor-access:remove_tenant_access os-flavor-extra-specs:create os-flavor-extra-specs:update os-flavor-extra-specs:delete
os-server-groups:index:all_projects os-quota-sets:update os-quota-sets:delete os-quota-class-sets:show os-quota-class-sets:update
os-simple-tenant-usage:list limits:other_project os-availability-zone:detail
"""
_USER = "(rule:context_is_admin) or user_id:%(user_id)s"

RULES = (*table(_ANYONE, ANYONE), *[rule(P + w, _USER, w) for w in _OWN.split()], *table(_READER, ADMIN_OR_READER),
         *table(_MEMBER, ADMIN_OR_MEMBER), *table(_ADMIN, ADMIN))
