"""Handlers of the version documents and of the list of extensions, and what is gone from the API."""

from typing import Any

from common import errors
from common.http.request import Request

MIN, MAX = "2.1", "2.104"
_UPDATED = {"v2.0": "2025-07-04T12:00:00Z", "v2.1": "2013-07-23T11:33:21Z"}


def _entry(request: Request, name: str) -> dict[str, Any]:
    new = name == "v2.1"
    return {
        "id": name,
        "status": "CURRENT" if new else "DEPRECATED",
        "version": MAX if new else "",
        "min_version": MIN if new else "",
        "updated": _UPDATED[name],
        "links": [{"rel": "self", "href": f"{request.base_url}/{'v2.1' if new else 'v2'}/"}],
    }


def root(request: Request) -> dict[str, Any]:
    """200: both versions."""
    return {"versions": [_entry(request, "v2.0"), _entry(request, "v2.1")]}


def _document(request: Request, name: str) -> dict[str, Any]:
    made = _entry(request, name)
    made["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
    number = "2.1" if name == "v2.1" else "2"
    made["media-types"] = [{"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={number}"}]
    return {"version": made}


def v21(request: Request) -> dict[str, Any]:
    """200."""
    return _document(request, "v2.1")


def v20(request: Request) -> dict[str, Any]:
    """200."""
    return _document(request, "v2.0")


def version(request: Request, name: str) -> dict[str, Any]:
    """200; 404."""
    if name not in _UPDATED:
        raise errors.NotFound("The resource could not be found.")
    return _document(request, name)


def gone(request: Request, **_variables: str) -> None:
    """410: these APIs were removed for ever, whatever the version; no body is read."""
    raise errors.Gone("This API is no longer available.")


_EXTENSIONS = """
NMN=Multinic OS-DCF=DiskConfig OS-EXT-AZ=ExtendedAvailabilityZone OS-EXT-IMG-SIZE=ImageSize OS-EXT-IPS=ExtendedIps
OS-EXT-IPS-MAC=ExtendedIpsMac OS-EXT-SRV-ATTR=ExtendedServerAttributes OS-EXT-STS=ExtendedStatus OS-FLV-DISABLED=FlavorDisabled
OS-FLV-EXT-DATA=FlavorExtraData OS-SCH-HNT=SchedulerHints OS-SRV-USG=ServerUsage os-access-ips=AccessIPs
os-admin-actions=AdminActions os-admin-password=AdminPassword os-aggregates=Aggregates
os-assisted-volume-snapshots=AssistedVolumeSnapshots os-attach-interfaces=AttachInterfaces
os-availability-zone=AvailabilityZone os-block-device-mapping=BlockDeviceMapping
os-block-device-mapping-v2-boot=BlockDeviceMappingV2Boot os-config-drive=ConfigDrive os-console-auth-tokens=ConsoleAuthTokens
os-console-output=ConsoleOutput os-consoles=Consoles os-create-backup=CreateBackup os-deferred-delete=DeferredDelete
os-evacuate=Evacuate os-extended-evacuate-find-host=ExtendedEvacuateFindHost os-extended-floating-ips=ExtendedFloatingIps
os-extended-hypervisors=ExtendedHypervisors os-extended-quotas=ExtendedQuotas
os-extended-rescue-with-image=ExtendedRescueWithImage os-extended-services=ExtendedServices
os-extended-services-delete=ExtendedServicesDelete os-extended-status=ExtendedStatus os-extended-volumes=ExtendedVolumes
os-flavor-access=FlavorAccess os-flavor-extra-specs=FlavorExtraSpecs os-flavor-manage=FlavorManage os-flavor-rxtx=FlavorRxtx
os-flavor-swap=FlavorSwap os-floating-ip-pools=FloatingIpPools os-floating-ips=FloatingIps
os-hide-server-addresses=HideServerAddresses os-hosts=Hosts os-hypervisor-status=HypervisorStatus os-hypervisors=Hypervisors
os-instance-actions=InstanceActions os-keypairs=Keypairs os-lock-server=LockServer os-migrate-server=MigrateServer
os-migrations=Migrations os-multiple-create=MultipleCreate os-networks=Networks os-pause-server=PauseServer
os-personality=Personality os-preserve-ephemeral-rebuild=PreserveEphemeralOnRebuild os-quota-class-sets=QuotaClasses
os-quota-sets=Quotas os-rescue=Rescue os-security-groups=SecurityGroups os-server-diagnostics=ServerDiagnostics
os-server-external-events=ServerExternalEvents os-server-group-quotas=ServerGroupQuotas os-server-groups=ServerGroups
os-server-list-multi-status=ServerListMultiStatus os-server-password=ServerPassword os-server-sort-keys=ServerSortKeys
os-server-start-stop=ServerStartStop os-services=Services os-shelve=Shelve os-simple-tenant-usage=SimpleTenantUsage
os-suspend-server=SuspendServer os-tenant-networks=OSTenantNetworks os-used-limits=UsedLimits
os-used-limits-for-admin=UsedLimitsForAdmin os-user-data=UserData os-user-quotas=UserQuotas
os-volume-attachment-update=VolumeAttachmentUpdate os-volumes=Volumes
os-agents=Agents os-baremetal-ext-status=BareMetalExtStatus os-baremetal-nodes=BareMetalNodes os-cell-capacities=CellCapacities
os-cells=Cells os-certificates=Certificates os-cloudpipe=Cloudpipe os-cloudpipe-update=CloudpipeUpdate
os-create-server-ext=Createserverext os-extended-networks=ExtendedNetworks os-fixed-ips=FixedIPs
os-floating-ip-dns=FloatingIpDns os-floating-ips-bulk=FloatingIpsBulk os-fping=Fping
os-instance_usage_audit_log=OSInstanceUsageAuditLog os-networks-associate=NetworkAssociationSupport
os-security-group-default-rules=SecurityGroupDefaultRules os-virtual-interfaces=VirtualInterfaces
"""
"""As upstream, those that were removed since stand here, too: alias=name."""


def _extension(word: str) -> dict[str, Any]:
    alias, _, name = word.partition("=")
    return {
        "alias": alias,
        "name": name,
        "description": f"{name} support.",
        "links": [],
        "updated": "2014-12-03T00:00:00Z",
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
    }


def extensions(request: Request) -> dict[str, Any]:
    """200."""
    return {"extensions": [_extension(w) for w in _EXTENSIONS.split()]}


def extension(request: Request, alias: str) -> dict[str, Any]:
    """200; 404."""
    for word in _EXTENSIONS.split():
        if word.split("=")[0] == alias:
            return {"extension": _extension(word)}
    raise errors.NotFound("The resource could not be found.")
