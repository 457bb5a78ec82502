//! The configuration files of the node's processes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::layout::Layout;
use super::packages::CNI_PLUGINS;

/// Writes all of them. `pause` is the reference of the image that holds a pod's namespaces.
pub(super) fn write(layout: &Layout, pause: &str) -> Result<()> {
    put(&layout.path("containerd.toml"), &containerd(layout, pause))?;
    put(&layout.path("cni/10-pods.conflist"), &network(layout))?;
    put(&layout.path("kubelet.yaml"), &kubelet(layout))?;
    put(&layout.path("Corefile"), &names(layout))?;
    put(
        &layout.path("resolv.conf"),
        &format!("nameserver {}\n", layout.node()),
    )
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn containerd(layout: &Layout, pause: &str) -> String {
    let directory = layout.directory.display();
    format!(
        r#"version = 2
root = "{directory}/containerd/root"
state = "{directory}/containerd/state"

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # A line of a log is a line, however long.
  max_container_log_line_size = -1
  # Without CAP_SYS_RESOURCE nobody may lower oom_score_adj, and runc would die of it.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{directory}/cni"
"#,
        socket = layout.containerd_socket().display(),
    )
}

/// One bridge for all pods. Addresses are not hidden: host, node and pods see each other's.
fn network(layout: &Layout) -> String {
    let config = json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipMasq": false,
                // A pod may reach itself through its own Service.
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": layout.path("addresses"),
                    "ranges": [[{"subnet": layout.pods()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{config:#}\n")
}

fn kubelet(layout: &Layout) -> String {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": layout.pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": layout.pki("kubelet.crt"),
        "tlsPrivateKeyFile": layout.pki("kubelet.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", layout.cgroup()),
        // Machines with the first version of cgroups still exist.
        "failCgroupV1": false,
        "failSwapOn": false,
        "clusterDNS": [layout.node()],
        "clusterDomain": "cluster.local",
        "resolvConf": layout.path("resolv.conf"),
        "containerRuntimeEndpoint": format!("unix://{}", layout.containerd_socket().display()),
        "maxPods": 250,
        "serializeImagePulls": false,
        // Images cannot be pulled again, so none may be collected, however full the disk is.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        // How soon a pod sees a changed ConfigMap volume.
        "syncFrequency": "10s",
        "volumePluginDir": layout.path("volume-plugins"),
        "podLogsDir": layout.path("pod-logs"),
    });
    format!("{config:#}\n")
}

/// Names of Services and pods. Answers are cached for a second only, since tests make and delete Services quickly.
///
/// Only the cluster's own zones are served: any other name is refused at once, instead of never being answered.
fn names(layout: &Layout) -> String {
    format!(
        "cluster.local:53 in-addr.arpa:53 {{
  bind {node}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 1
  }}
  cache 1
}}
",
        node = layout.node(),
        kubeconfig = layout.kubeconfig().display(),
    )
}
