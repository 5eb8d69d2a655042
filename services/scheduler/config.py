"""Every option of the scheduler service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.clients import scheduler
from common.service import DaemonInfo, Endpoint, Service

FILTERS = ["ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter", "ServerGroupAntiAffinityFilter",
           "ServerGroupAffinityFilter", "AvailabilityZoneFilter", "SameHostFilter", "DifferentHostFilter"]
WEIGHERS = ["RAMWeigher", "CPUWeigher", "DiskWeigher", "IoOpsWeigher", "ServerGroupSoftAffinityWeigher",
            "ServerGroupSoftAntiAffinityWeigher", "BuildFailureWeigher", "HypervisorVersionWeigher",
            "NumInstancesWeigher", "ImageLocalityWeigher"]
PLACEMENT_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt("randomize_allocation_candidates", default=True,
                help="Give limited lists of allocation candidates in random order, so that clients do not all take the first."),
    cfg.IntOpt("max_allocation_candidates", default=100_000, min=1,
               help="Most combinations that one request for allocation candidates may produce."),
    cfg.StrOpt("incomplete_consumer_project_id", default="00000000-0000-0000-0000-000000000000",
               help="Project of consumers made by clients older than microversion 1.8."),
    cfg.StrOpt("incomplete_consumer_user_id", default="00000000-0000-0000-0000-000000000000",
               help="User of consumers made by clients older than microversion 1.8."),
]
SCHEDULER_OPTS: list[cfg.Opt] = [
    cfg.IntOpt("max_placement_results", default=1000, min=1, help="Hosts that one decision looks at first, at random; "
               "when none of them passes the filters, all are looked at."),
    cfg.IntOpt("max_attempts", default=3, min=1, help="Hosts named in an answer: the chosen one and its alternates."),
    cfg.IntOpt("claim_attempts", default=20, min=1, help="Hosts that are tried in turn when claims collide."),
    *scheduler.OPTS,
]
FILTER_OPTS: list[cfg.Opt] = [
    cfg.ListOpt("enabled_filters", default=FILTERS, help="Filters that hosts pass, in this order."),
    cfg.ListOpt("weight_classes", default=WEIGHERS, help="Weighers that rank the hosts left."),
    cfg.IntOpt("host_subset_size", default=1, min=1, help="A host is chosen at random among so many of the best."),
    cfg.BoolOpt("shuffle_best_same_weighed_hosts", default=True, help="Choose at random among hosts of equal weight."),
    cfg.IntOpt("max_io_ops_per_host", default=8, help="IoOpsFilter: hosts with as many or more are passed over."),
    cfg.IntOpt("max_instances_per_host", default=50, min=1, help="NumInstancesFilter: most servers on a host."),
    cfg.ListOpt("isolated_images", default=[], help="IsolatedHostsFilter: ids of images for isolated hosts."),
    cfg.ListOpt("isolated_hosts", default=[], help="IsolatedHostsFilter: hosts for isolated images."),
    cfg.BoolOpt("restrict_isolated_hosts_to_isolated_images", default=True,
                help="IsolatedHostsFilter: whether isolated hosts take isolated images only."),
    cfg.StrOpt("aggregate_image_properties_isolation_namespace", help="Prefix of image properties that isolate."),
    cfg.StrOpt("aggregate_image_properties_isolation_separator", default=".", help="What ends that prefix."),
    cfg.FloatOpt("ram_weight_multiplier", default=1.0, help="Free memory; negative: fill hosts up."),
    cfg.FloatOpt("cpu_weight_multiplier", default=1.0, help="Free VCPUs; negative: fill hosts up."),
    cfg.FloatOpt("disk_weight_multiplier", default=1.0, help="Free disk; negative: fill hosts up."),
    cfg.FloatOpt("io_ops_weight_multiplier", default=-1.0, help="Builds, resizes and the like in hand."),
    cfg.FloatOpt("soft_affinity_weight_multiplier", default=1.0, help="Members of a soft-affinity group."),
    cfg.FloatOpt("soft_anti_affinity_weight_multiplier", default=1.0, help="Members of a soft-anti-affinity group."),
    cfg.FloatOpt("build_failure_weight_multiplier", default=1_000_000.0, help="Builds that failed of late."),
    cfg.FloatOpt("hypervisor_version_weight_multiplier", default=1.0, help="Newer hypervisors; negative: older ones."),
    cfg.FloatOpt("num_instances_weight_multiplier", default=0.0, help="Servers; negative: hosts with few."),
    cfg.FloatOpt("image_locality_weight_multiplier", default=0.0, help="Hosts that have the image already."),
    cfg.StrOpt("default_availability_zone", default="nova", help="Zone of hosts in no zone's aggregate."),
]
VOLUME_OPTS: list[cfg.Opt] = [
    cfg.ListOpt("enabled_filters", default=["AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter"],
                help="Filters that pools pass, in this order."),
    cfg.ListOpt("weighers", default=["CapacityWeigher"], help="CapacityWeigher, AllocatedCapacityWeigher, VolumeNumberWeigher."),
    cfg.FloatOpt("capacity_weight_multiplier", default=1.0, help="Free capacity; negative: fill pools up."),
]


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("placement", PLACEMENT_OPTS), ("scheduler", SCHEDULER_OPTS), ("filter_scheduler", FILTER_OPTS),
            ("volume_scheduler", VOLUME_OPTS)]


SERVICE = Service(
    name="scheduler",
    options=options,
    db_package="services.scheduler.db",
    daemons=(
        DaemonInfo("placement-api", "services.scheduler.cmd.placement_api:build", port=8778, binary="placement-api"),
        DaemonInfo("scheduler", "services.scheduler.cmd.scheduler:build", binary="nova-scheduler"),
    ),
    endpoints=(
        Endpoint("placement", "placement", "placement-api", ""),
    ),
)
