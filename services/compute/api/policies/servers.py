"""Policies of servers and of everything that belongs to one."""

from common.http.policy import ADMIN, ADMIN_OR_MANAGER, ADMIN_OR_MEMBER, ADMIN_OR_READER, rule

P = "os_compute_api:"
_READER = """
servers:index servers:detail servers:show servers:show:flavor-extra-specs ips:index ips:show server-metadata:index
server-metadata:show os-server-tags:index os-server-tags:show os-attach-interfaces:list os-attach-interfaces:show
os-volumes-attachments:index os-volumes-attachments:show os-instance-actions:list os-instance-actions:show
os-security-groups:list os-server-password:show compute:server:topology:index os-server-shares:index os-server-shares:show
"""
_MEMBER = """
servers:create servers:create:attach_volume servers:create:attach_network servers:create:trusted_certs servers:delete
servers:update servers:confirm_resize servers:revert_resize servers:reboot servers:resize servers:rebuild
servers:rebuild:trusted_certs servers:create_image servers:create_image:allow_volume_backed servers:start servers:stop
servers:trigger_crash_dump server-metadata:create server-metadata:update server-metadata:update_all server-metadata:delete
os-server-tags:update os-server-tags:update_all os-server-tags:delete os-server-tags:delete_all os-attach-interfaces:create
os-attach-interfaces:delete os-volumes-attachments:create os-volumes-attachments:update os-volumes-attachments:delete
os-security-groups:add os-security-groups:remove os-server-password:clear os-console-output os-remote-consoles
os-pause-server:pause os-pause-server:unpause os-suspend-server:suspend os-suspend-server:resume os-rescue os-unrescue
os-shelve:shelve os-shelve:unshelve os-lock-server:lock os-lock-server:unlock os-admin-password os-create-backup
os-deferred-delete:restore os-deferred-delete:force os-multinic:add os-multinic:remove os-floating-ips:add os-floating-ips:remove
os-server-shares:create os-server-shares:delete
"""
_MANAGER = """
os-migrate-server:migrate os-migrate-server:migrate_live os-migrations:index servers:migrations:index
servers:migrations:force_complete servers:migrations:delete
"""
_ADMIN = """
servers:index:get_all_tenants servers:detail:get_all_tenants servers:allow_all_filters servers:show:host_status
servers:show:host_status:unknown-only servers:create:forced_host compute:servers:create:requested_destination
servers:create:zero_disk_flavor servers:migrations:show
os-extended-server-attributes os-instance-actions:events os-instance-actions:events:details os-server-diagnostics
os-shelve:shelve_offload os-shelve:unshelve_to_host os-lock-server:unlock:unlock_override os-evacuate
os-admin-actions:reset_state os-admin-actions:inject_network_info os-admin-actions:reset_network
os-migrate-server:migrate:host os-migrate-server:migrate_live:host os-migrations:index:all_projects os-migrations:index:host
compute:server:topology:host:index os-console-auth-tokens os-server-external-events:create
servers:migrations:index:host
"""


def named(word: str) -> str:
    """A rule's whole name: upstream has a few of the newer ones under another prefix."""
    return word if word.startswith("compute:") else P + word


def table(words: str, check: str) -> list[object]:
    """A rule for each name in `words`."""
    return [rule(named(w), check, w.replace(":", " ").replace("-", " ")) for w in words.split()]


RULES = (*table(_READER, ADMIN_OR_READER), *table(_MEMBER, ADMIN_OR_MEMBER), *table(_MANAGER, ADMIN_OR_MANAGER),
         *[r for r in table(_ADMIN, ADMIN) if r.name != P + "os-server-external-events:create"],  # type: ignore[attr-defined]
         rule(P + "os-server-external-events:create", f"{ADMIN} or rule:service_role", "Tell about servers, for other services."),
         rule(P + "os-volumes-attachments:swap", "rule:service_role", "Replace a volume that migrates by its copy."))
