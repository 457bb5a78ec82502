//! `config-features`: what users may write and which behaviour is on.

use super::{Reader, Settings};

/// Whether a feature is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flag {
    /// On, or the field is permitted.
    Enabled,
    /// Not forced, but a user may opt in. What this means differs by flag.
    Allowed,
    /// Off, or the field is refused.
    #[default]
    Disabled,
}

/// Which security defaults containers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SecurePodDefaults {
    /// All of them.
    Enabled,
    /// All but the ban on root.
    AllowRootBounded,
    /// None.
    #[default]
    Disabled,
}

/// A flag by its key, for rules that tell which flag would allow something.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// The key in the ConfigMap.
    pub key: &'static str,
    state: fn(&Features) -> Flag,
}

impl Switch {
    /// How the flag is set.
    #[must_use]
    pub fn of(self, features: &Features) -> Flag {
        (self.state)(features)
    }
}

impl Flag {
    /// Exactly `Enabled`.
    #[must_use]
    pub fn is_enabled(self) -> bool {
        self == Self::Enabled
    }

    /// `Enabled` or `Allowed`.
    #[must_use]
    pub fn is_permitted(self) -> bool {
        self != Self::Disabled
    }

    fn read(text: &str) -> Option<Self> {
        [
            ("enabled", Self::Enabled),
            ("allowed", Self::Allowed),
            ("disabled", Self::Disabled),
        ]
        .into_iter()
        .find_map(|(name, flag)| name.eq_ignore_ascii_case(text).then_some(flag))
    }
}

impl SecurePodDefaults {
    /// Whether any defaults are given.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::Disabled
    }

    fn read(text: &str) -> Option<Self> {
        [
            ("enabled", Self::Enabled),
            ("allowrootbounded", Self::AllowRootBounded),
            ("disabled", Self::Disabled),
        ]
        .into_iter()
        .find_map(|(name, value)| name.eq_ignore_ascii_case(text).then_some(value))
    }
}

macro_rules! flags {
    ($($(#[$doc:meta])* $field:ident = $key:literal, $default:ident;)*) => {
        /// The settings.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Features {
            $($(#[$doc])* pub $field: Flag,)*
            /// Security defaults of containers.
            pub secure_pod_defaults: SecurePodDefaults,
        }

        impl Default for Features {
            fn default() -> Self {
                Self {
                    $($field: Flag::$default,)*
                    secure_pod_defaults: SecurePodDefaults::Disabled,
                }
            }
        }

        /// Each flag under the name of its field.
        pub mod switch {
            #![allow(non_upper_case_globals, reason = "they are called as the fields are")]

            use super::Switch;

            $($(#[$doc])* pub const $field: Switch = Switch { key: $key, state: |f| f.$field };)*
        }

        impl Settings for Features {
            const NAME: &'static str = "config-features";

            /// Never fails: a word that is not a flag leaves the default.
            fn read(r: &mut Reader<'_>) -> Self {
                let mut features = Self::default();
                $(
                    if let Some(flag) = r.raw($key).and_then(Flag::read) {
                        features.$field = flag;
                    }
                )*
                if let Some(value) = r.raw("secure-pod-defaults").and_then(SecurePodDefaults::read) {
                    features.secure_pod_defaults = value;
                }
                features
            }
        }
    };
}

flags! {
    /// More than one entry in `containers`.
    multi_container = "multi-container", Enabled;
    /// Probes on sidecars.
    multi_container_probing = "multi-container-probing", Disabled;
    /// `affinity`.
    pod_spec_affinity = "kubernetes.podspec-affinity", Disabled;
    /// `topologySpreadConstraints`.
    pod_spec_topology_spread_constraints = "kubernetes.podspec-topologyspreadconstraints", Disabled;
    /// `hostAliases`.
    pod_spec_host_aliases = "kubernetes.podspec-hostaliases", Disabled;
    /// `nodeSelector`.
    pod_spec_node_selector = "kubernetes.podspec-nodeselector", Disabled;
    /// `tolerations`.
    pod_spec_tolerations = "kubernetes.podspec-tolerations", Disabled;
    /// `env[].valueFrom.fieldRef` and `resourceFieldRef`.
    pod_spec_field_ref = "kubernetes.podspec-fieldref", Disabled;
    /// `runtimeClassName`.
    pod_spec_runtime_class_name = "kubernetes.podspec-runtimeclassname", Disabled;
    /// `dnsPolicy`.
    pod_spec_dns_policy = "kubernetes.podspec-dnspolicy", Disabled;
    /// `dnsConfig`.
    pod_spec_dns_config = "kubernetes.podspec-dnsconfig", Disabled;
    /// Part of the pod's `securityContext`.
    pod_spec_security_context = "kubernetes.podspec-securitycontext", Disabled;
    /// `shareProcessNamespace`.
    pod_spec_share_process_namespace = "kubernetes.podspec-shareprocessnamespace", Disabled;
    /// `hostIPC`.
    pod_spec_host_ipc = "kubernetes.podspec-hostipc", Disabled;
    /// `hostPID`.
    pod_spec_host_pid = "kubernetes.podspec-hostpid", Disabled;
    /// `hostNetwork`.
    pod_spec_host_network = "kubernetes.podspec-hostnetwork", Disabled;
    /// `priorityClassName`.
    pod_spec_priority_class_name = "kubernetes.podspec-priorityclassname", Disabled;
    /// `schedulerName`.
    pod_spec_scheduler_name = "kubernetes.podspec-schedulername", Disabled;
    /// `capabilities.add` of containers.
    container_spec_add_capabilities = "kubernetes.containerspec-addcapabilities", Disabled;
    /// `initContainers`.
    pod_spec_init_containers = "kubernetes.podspec-init-containers", Disabled;
    /// `emptyDir` volumes.
    pod_spec_volumes_empty_dir = "kubernetes.podspec-volumes-emptydir", Enabled;
    /// `hostPath` volumes.
    pod_spec_volumes_host_path = "kubernetes.podspec-volumes-hostpath", Disabled;
    /// `csi` volumes.
    pod_spec_volumes_csi = "kubernetes.podspec-volumes-csi", Disabled;
    /// `ephemeral` volumes.
    pod_spec_volumes_ephemeral = "kubernetes.podspec-volumes-ephemeral", Disabled;
    /// `image` volumes.
    pod_spec_volumes_image = "kubernetes.podspec-volumes-image", Disabled;
    /// `volumeMounts[].mountPropagation`.
    pod_spec_volumes_mount_propagation = "kubernetes.podspec-volumes-mount-propagation", Disabled;
    /// `persistentVolumeClaim` volumes.
    pod_spec_persistent_volume_claim = "kubernetes.podspec-persistent-volume-claim", Disabled;
    /// `persistentVolumeClaim` volumes that can be written.
    pod_spec_persistent_volume_write = "kubernetes.podspec-persistent-volume-write", Disabled;
    /// Choosing a tag by a request header.
    tag_header_based_routing = "tag-header-based-routing", Disabled;
    /// Finding out whether the container speaks HTTP/2.
    autodetect_http2 = "autodetect-http2", Disabled;
    /// The pod's annotations as a file in queue-proxy.
    queueproxy_mount_podinfo = "queueproxy.mount-podinfo", Disabled;
    /// Resources of queue-proxy where none are set.
    queueproxy_resource_defaults = "queueproxy.resource-defaults", Disabled;
}
