//! The webhook under test: its certificate, its settings, its processor.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use super::super::api::Api;
use super::super::case::free_port;
use super::super::process::Process;
use super::client::{Connection, Peer};

/// How the API server calls it.
pub(super) const HOST: &str = "webhook.knative-serving.svc";
/// How long it may take to come up.
const START: Duration = Duration::from_secs(30);

/// Who runs on a processor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Webhook,
    Load,
}

/// A webhook that answers.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) peer: Peer,
    pub(super) process: Process,
    /// Kept while it may ask.
    _api: Api,
}

impl Webhook {
    /// Starts the program on its processor and waits until it shakes hands.
    pub(super) async fn start(program: &Path) -> Result<Self> {
        let (secret, authority) = certificate()?;
        let mut objects: Vec<(&'static str, Value)> =
            ["config-autoscaler", "config-defaults", "config-features"]
                .map(|name| ("configmaps", object("ConfigMap", name, json!({}))))
                .into();
        objects.push(("secrets", object("Secret", "webhook-certs", secret)));
        let api = Api::start(objects).await?;
        let port = free_port()?;
        let env = [
            ("KUBECONFIG", api.kubeconfig()),
            ("WEBHOOK_NAME", "webhook".to_owned()),
            ("WEBHOOK_PORT", port.to_string()),
            ("METRICS_PROMETHEUS_PORT", free_port()?.to_string()),
            ("PROFILING_PORT", free_port()?.to_string()),
            ("WEBHOOK_DISABLE_NAMESPACE_OWNERSHIP", "true".to_owned()),
        ];
        let process = start_on(Side::Webhook, || Process::start(program, &[], &env))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            tls: Arc::new(tls),
            host: HOST,
        };
        let mut webhook = Self {
            peer,
            process,
            _api: api,
        };
        webhook
            .wait()
            .await
            .context("the webhook does not come up")?;
        Ok(webhook)
    }

    async fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        while Connection::open(&self.peer).is_err() {
            self.process.require_alive()?;
            if begin.elapsed() > START {
                let words = self.process.last_words();
                bail!("no TLS handshake within {START:?}; {words}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

fn object(kind: &str, name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": kind, "data": data,
        "metadata": {
            "name": name, "namespace": "knative-serving", "uid": format!("uid-{name}"), "resourceVersion": "1",
        },
    })
}

/// The data of the Secret, and the authority that a client trusts.
fn certificate() -> Result<(Value, rustls::pki_types::CertificateDer<'static>)> {
    let (ca_key, server_key) = (KeyPair::generate()?, KeyPair::generate()?);
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = ca.self_signed(&ca_key)?;
    let server = CertificateParams::new(vec![HOST.to_owned()])?
        .signed_by(&server_key, &Issuer::from_params(&ca, &ca_key))?;
    let data = json!({
        "ca-cert.pem": STANDARD.encode(authority.pem()),
        "server-cert.pem": STANDARD.encode(server.pem()),
        "server-key.pem": STANDARD.encode(server_key.serialize_pem()),
    });
    Ok((data, authority.der().clone()))
}

/// Keeps the calling thread on the processor of one side.
pub(super) fn stay_on(side: Side) -> Result<()> {
    let all = sched_getaffinity(Pid::from_raw(0))?;
    let usable: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| all.is_set(*cpu).unwrap_or(false))
        .collect();
    let chosen = match side {
        Side::Webhook => usable.last(),
        // With a single processor there is nothing to choose.
        Side::Load => usable.first(),
    };
    let mut only = CpuSet::new();
    only.set(*chosen.context("there is no processor")?)?;
    sched_setaffinity(Pid::from_raw(0), &only).context("cannot choose a processor")
}

/// Runs `start` on a side's processor; what it starts stays there, and the calling thread goes back.
fn start_on<T>(side: Side, start: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = sched_getaffinity(Pid::from_raw(0))?;
    stay_on(side)?;
    let started = start();
    sched_setaffinity(Pid::from_raw(0), &before)?;
    started
}
