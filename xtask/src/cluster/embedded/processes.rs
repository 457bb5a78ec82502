//! The processes of a node: in which order they start, with which flags, and how one knows that they work.
//!
//! ```text
//! containerd ─┐
//! etcd ─► API server (ready) ─► controller manager, scheduler, kubelet, proxy, add-ons ─► node Ready
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::process::Child;

use super::layout::Layout;
use super::limit::Limit;
use super::sandbox::Sandbox;
use crate::command;

const CONTAINERD_WITHIN: Duration = Duration::from_secs(30);
/// Usually three seconds; the rest is for a machine that compiles at the same time.
const API_WITHIN: Duration = Duration::from_secs(120);
const NODE_WITHIN: Duration = Duration::from_secs(120);
/// How long a cluster that is up may take to say so.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Starts processes and keeps an eye on them while the node comes up. They outlive this value.
#[derive(Debug)]
pub(super) struct Processes<'a> {
    layout: &'a Layout,
    sandbox: &'a Sandbox,
    started: Vec<(&'static str, Child)>,
}

impl<'a> Processes<'a> {
    pub(super) fn new(layout: &'a Layout, sandbox: &'a Sandbox) -> Self {
        Self {
            layout,
            sandbox,
            started: Vec::new(),
        }
    }

    pub(super) async fn start_containerd(&mut self) -> Result<()> {
        let config = self.layout.path("containerd.toml");
        self.start(
            "containerd",
            "containerd".into(),
            vec![format!("--config={}", config.display())],
        )?;
        let socket = self.layout.containerd_socket();
        let limit = Limit::of(CONTAINERD_WITHIN);
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            self.wait("containerd", "does not answer", &limit).await?;
        }
        Ok(())
    }

    /// Returns when the API server is ready. Before that the others would exit for lack of their roles.
    pub(super) async fn start_control_plane(&mut self) -> Result<()> {
        let data = format!("--data-dir={}", self.layout.path("etcd").display());
        self.start_own("etcd", vec![data])?;
        self.start_own("apiserver", api_server(self.layout))?;
        let limit = Limit::of(API_WITHIN);
        while api_answers(self.layout).await.is_err() {
            self.wait("apiserver", "is not ready", &limit).await?;
        }
        Ok(())
    }

    /// Returns when the node is ready and pods can be created.
    pub(super) async fn start_node(&mut self) -> Result<()> {
        self.start_own("controller-manager", controller_manager(self.layout))?;
        self.start_own("scheduler", scheduler(self.layout))?;
        self.start_own("kubelet", kubelet(self.layout))?;
        self.start_own("proxy", proxy(self.layout))?;
        self.start_own("addons", addons(self.layout))?;

        let client = client(self.layout).await?;
        let limit = Limit::of(NODE_WITHIN);
        while !node_is_ready(&client).await {
            self.wait("kubelet", "does not become ready", &limit)
                .await?;
        }
        // The last thing that a pod needs before the API server takes it.
        let accounts = Api::<ServiceAccount>::namespaced(client, "default");
        while !matches!(accounts.get_opt("default").await, Ok(Some(_))) {
            self.wait("controller-manager", "makes no service account", &limit)
                .await?;
        }
        Ok(())
    }

    /// Starts one of the processes that are in the node's binary.
    fn start_own(&mut self, name: &'static str, mut flags: Vec<String>) -> Result<()> {
        flags.insert(0, name.to_owned());
        self.start(name, self.layout.binary(), flags)
    }

    fn start(&mut self, name: &'static str, program: PathBuf, flags: Vec<String>) -> Result<()> {
        let log = fs::File::create(self.layout.log(name))?;
        let child = self
            .sandbox
            .command(program)
            .args(flags)
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        self.started.push((name, child));
        Ok(())
    }

    /// Waits a little for `name`; fails if it is too late, or if any process has ended meanwhile.
    async fn wait(&mut self, name: &str, trouble: &str, limit: &Limit) -> Result<()> {
        for (name, child) in &mut self.started {
            if let Some(status) = child.try_wait()? {
                bail!(
                    "{name} ended, {status}; {}",
                    command::tail_of(&self.layout.log(name))
                );
            }
        }
        if limit.pause().await {
            return Ok(());
        }
        bail!(
            "{name} {trouble}; {}",
            command::tail_of(&self.layout.log(name))
        )
    }
}

/// Asks the API server whether it is ready.
pub(super) async fn api_answers(layout: &Layout) -> Result<()> {
    let asked = async {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        client(layout).await?.request_text(request).await?;
        Ok(())
    };
    tokio::time::timeout(ANSWER_WITHIN, asked)
        .await
        .unwrap_or_else(|_| Err(anyhow!("the API server does not answer")))
}

async fn node_is_ready(client: &Client) -> bool {
    let Ok(node) = Api::<Node>::all(client.clone()).get("node").await else {
        return false;
    };
    node.status
        .and_then(|status| status.conditions)
        .is_some_and(|conditions| {
            conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True")
        })
}

async fn client(layout: &Layout) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(layout.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn api_server(layout: &Layout) -> Vec<String> {
    let pki = |file| layout.pki(file).display().to_string();
    vec![
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        format!("--service-cluster-ip-range={}", layout.services()),
        "--secure-port=6443".to_owned(),
        format!("--advertise-address={}", layout.node()),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("apiserver.crt")),
        format!("--tls-private-key-file={}", pki("apiserver.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", pki("tokens.pub")),
        format!("--service-account-signing-key-file={}", pki("tokens.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged".to_owned(),
        // For logs and exec.
        format!(
            "--kubelet-client-certificate={}",
            pki("apiserver-kubelet.crt")
        ),
        format!("--kubelet-client-key={}", pki("apiserver-kubelet.key")),
        format!("--kubelet-certificate-authority={}", pki("ca.crt")),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        // For API servers behind this one, such as the metrics APIs.
        format!("--requestheader-client-ca-file={}", pki("ca.crt")),
        "--requestheader-allowed-names=front-proxy".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", pki("front-proxy.crt")),
        format!("--proxy-client-key-file={}", pki("front-proxy.key")),
        "--max-requests-inflight=2000".to_owned(),
        "--max-mutating-requests-inflight=1000".to_owned(),
    ]
}

/// The flags by which a process is told how to reach the API server, for its own work and for checking its callers.
fn identity(layout: &Layout, name: &str) -> Vec<String> {
    let kubeconfig = layout.pki(&format!("{name}.kubeconfig"));
    [
        "kubeconfig",
        "authentication-kubeconfig",
        "authorization-kubeconfig",
    ]
    .map(|flag| format!("--{flag}={}", kubeconfig.display()))
    .into()
}

fn controller_manager(layout: &Layout) -> Vec<String> {
    let mut flags = identity(layout, "controller-manager");
    flags.extend([
        format!(
            "--service-account-private-key-file={}",
            layout.pki("tokens.key").display()
        ),
        format!("--root-ca-file={}", layout.pki("ca.crt").display()),
        "--use-service-account-credentials".to_owned(),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ]);
    flags
}

fn scheduler(layout: &Layout) -> Vec<String> {
    let mut flags = identity(layout, "scheduler");
    flags.extend([
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ]);
    flags
}

fn kubelet(layout: &Layout) -> Vec<String> {
    vec![
        format!("--config={}", layout.path("kubelet.yaml").display()),
        format!(
            "--kubeconfig={}",
            layout.pki("kubelet.kubeconfig").display()
        ),
        format!("--root-dir={}", layout.path("kubelet").display()),
        format!("--cert-dir={}", layout.path("pki").display()),
        "--hostname-override=node".to_owned(),
        format!("--node-ip={}", layout.node()),
    ]
}

fn proxy(layout: &Layout) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.pki("proxy.kubeconfig").display()),
        "--proxy-mode=nftables".to_owned(),
        "--hostname-override=node".to_owned(),
        format!("--cluster-cidr={}", layout.pods()),
        // The size of the table of connections is a setting of the whole machine.
        "--conntrack-max-per-core=0".to_owned(),
    ]
}

fn addons(layout: &Layout) -> Vec<String> {
    vec![
        format!("--corefile={}", layout.path("Corefile").display()),
        format!("--kubeconfig={}", layout.kubeconfig().display()),
        format!("--address={}", layout.node()),
    ]
}
