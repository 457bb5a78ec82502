//! The feature flags, as far as they cannot be read off the parser: what `Allowed` means, and how much works.

use ebb_core::names::Status::{self, Done};

/// A key of `config-features`.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) key: &'static str,
    pub(super) field: &'static str,
    /// What `Allowed` comes to.
    pub(super) allowed: &'static str,
    pub(super) status: Status,
}

const fn flag(key: &'static str, field: &'static str, allowed: &'static str) -> Flag {
    Flag {
        key,
        field,
        allowed,
        status: Done,
    }
}

/// The file with the parser.
pub(super) const SOURCE: &str = "crates/core/src/config/features.rs";

const AS_ENABLED: &str = "as `Enabled`";
const AS_DISABLED: &str = "as `Disabled`";

/// All flags.
#[rustfmt::skip]
pub(super) const FLAGS: &[Flag] = &[
    flag("multi-container", "multi_container", AS_DISABLED),
    flag("multi-container-probing", "multi_container_probing", AS_DISABLED),
    flag("kubernetes.podspec-affinity", "pod_spec_affinity", AS_ENABLED),
    flag("kubernetes.podspec-topologyspreadconstraints", "pod_spec_topology_spread_constraints", AS_ENABLED),
    flag("kubernetes.podspec-hostaliases", "pod_spec_host_aliases", AS_ENABLED),
    flag("kubernetes.podspec-nodeselector", "pod_spec_node_selector", AS_ENABLED),
    flag("kubernetes.podspec-tolerations", "pod_spec_tolerations", AS_ENABLED),
    flag("kubernetes.podspec-fieldref", "pod_spec_field_ref", AS_ENABLED),
    flag("kubernetes.podspec-runtimeclassname", "pod_spec_runtime_class_name", AS_ENABLED),
    flag("kubernetes.podspec-dnspolicy", "pod_spec_dns_policy", AS_ENABLED),
    flag("kubernetes.podspec-dnsconfig", "pod_spec_dns_config", AS_ENABLED),
    flag("kubernetes.podspec-securitycontext", "pod_spec_security_context", AS_ENABLED),
    flag("kubernetes.podspec-shareprocessnamespace", "pod_spec_share_process_namespace", AS_ENABLED),
    flag("kubernetes.podspec-hostipc", "pod_spec_host_ipc", AS_ENABLED),
    flag("kubernetes.podspec-hostpid", "pod_spec_host_pid", AS_ENABLED),
    flag("kubernetes.podspec-hostnetwork", "pod_spec_host_network", AS_ENABLED),
    flag("kubernetes.podspec-priorityclassname", "pod_spec_priority_class_name", AS_ENABLED),
    flag("kubernetes.podspec-schedulername", "pod_spec_scheduler_name", AS_ENABLED),
    flag("kubernetes.containerspec-addcapabilities", "container_spec_add_capabilities", AS_DISABLED),
    flag("kubernetes.podspec-init-containers", "pod_spec_init_containers", AS_DISABLED),
    flag("kubernetes.podspec-volumes-emptydir", "pod_spec_volumes_empty_dir", AS_DISABLED),
    flag("kubernetes.podspec-volumes-hostpath", "pod_spec_volumes_host_path", AS_DISABLED),
    flag("kubernetes.podspec-volumes-csi", "pod_spec_volumes_csi", AS_DISABLED),
    flag("kubernetes.podspec-volumes-ephemeral", "pod_spec_volumes_ephemeral", AS_DISABLED),
    flag("kubernetes.podspec-volumes-image", "pod_spec_volumes_image", AS_DISABLED),
    flag("kubernetes.podspec-volumes-mount-propagation", "pod_spec_volumes_mount_propagation", AS_DISABLED),
    flag("kubernetes.podspec-persistent-volume-claim", "pod_spec_persistent_volume_claim", AS_DISABLED),
    flag("kubernetes.podspec-persistent-volume-write", "pod_spec_persistent_volume_write", AS_DISABLED),
    flag("tag-header-based-routing", "tag_header_based_routing", AS_DISABLED),
    flag("autodetect-http2", "autodetect_http2", AS_DISABLED),
    flag("queueproxy.mount-podinfo", "queueproxy_mount_podinfo", "left to the annotation"),
    flag("queueproxy.resource-defaults", "queueproxy_resource_defaults", AS_DISABLED),
    flag("secure-pod-defaults", "secure_pod_defaults", "ignored; `AllowRootBounded` is all but the ban on root"),
];
