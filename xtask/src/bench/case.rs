//! The five things that are compared, and how each is started.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::api::Api;
use super::load::Target;
use super::objects;
use super::process::Process;
use crate::images::{self, Profile, Program, Use};
use crate::workspace;

/// How long a proxy may take until requests pass through it.
const START: Duration = Duration::from_secs(30);

/// What stands between the load and the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Case {
    /// Nothing.
    App,
    /// The least forwarder.
    Forwarder,
    /// The sidecar.
    QueueProxy,
    /// The activator, with a pod that is up.
    Activator,
    /// The gateway, with one Ingress.
    Gateway,
}

/// Where the programs lie.
#[derive(Debug)]
pub(super) struct Programs(HashMap<String, PathBuf>);

/// A case that is up.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) target: Target,
    proxy: Option<Process>,
    app: Process,
    /// Kept while the proxy may ask.
    _api: Option<Api>,
}

static APP: Program = fixture("bench-app");
static FORWARDER: Program = fixture("bench-forwarder");

const fn fixture(name: &'static str) -> Program {
    Program {
        name,
        package: "ebb-bench-fixtures",
        used_as: Use::Sample,
    }
}

impl Case {
    /// In the order of the table.
    pub(super) const ALL: [Self; 5] = [
        Self::App,
        Self::Forwarder,
        Self::QueueProxy,
        Self::Activator,
        Self::Gateway,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "application alone",
            Self::Forwarder => "bare forwarder",
            Self::QueueProxy => "queue-proxy",
            Self::Activator => "activator",
            Self::Gateway => "gateway",
        }
    }

    /// The proxy's program, if there is one.
    fn program(self) -> Option<&'static str> {
        match self {
            Self::App => None,
            Self::Forwarder => Some(FORWARDER.name),
            Self::QueueProxy => Some("queue-proxy"),
            Self::Activator => Some("activator"),
            Self::Gateway => Some("gateway"),
        }
    }

    /// Starts the application and the proxy and waits until requests pass.
    pub(super) async fn start(self, programs: &Programs) -> Result<Running> {
        let (app_port, free) = (free_port()?, free_port()?);
        let app = Process::start(programs.path(APP.name)?, &[app_port.to_string()], &[])?;
        let mut headers = String::new();
        let (mut port, mut args, mut env, mut api) = (app_port, Vec::new(), Vec::new(), None);
        match self {
            Self::App => {}
            Self::Forwarder => {
                port = free;
                args = vec![port.to_string(), app_port.to_string()];
            }
            Self::QueueProxy => {
                port = free;
                env = sidecar_environment(port, app_port);
            }
            Self::Activator | Self::Gateway => {
                let server = Api::start(objects::all(app_port)).await?;
                env = vec![
                    ("KUBECONFIG", server.kubeconfig()),
                    ("SYSTEM_NAMESPACE", "knative-serving".into()),
                    ("POD_NAME", "bench".into()),
                    ("POD_IP", Ipv4Addr::LOCALHOST.to_string()),
                ];
                api = Some(server);
                port = if self == Self::Activator { 8012 } else { 8080 };
                if self == Self::Activator {
                    headers = objects::REVISION_HEADERS.to_owned();
                }
            }
        }
        let proxy = match self.program() {
            Some(name) => Some(Process::start(programs.path(name)?, &args, &env)?),
            None => None,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let target = Target {
            address,
            host: objects::HOST.to_owned(),
            headers,
        };
        let mut running = Running {
            target,
            proxy,
            app,
            _api: api,
        };
        running
            .wait()
            .await
            .with_context(|| format!("{} does not come up", self.name()))?;
        Ok(running)
    }
}

impl Programs {
    /// Compiles what `cases` need, as users get it.
    pub(super) fn build(cases: &[Case]) -> Result<Self> {
        let programs = needed(cases);
        eprintln!("building {} programs in profile `release`", programs.len());
        Ok(Self(images::compile(Profile::Release, &programs)?))
    }

    /// The same as they lie there from an earlier build.
    pub(super) fn built(cases: &[Case]) -> Self {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let directory = workspace::target()
            .join(triple)
            .join(Profile::Release.name());
        let path = |program: &&Program| (program.name.to_owned(), directory.join(program.name));
        Self(needed(cases).iter().map(path).collect())
    }

    fn path(&self, name: &str) -> Result<&PathBuf> {
        self.0
            .get(name)
            .with_context(|| format!("{name} was not built"))
    }
}

fn needed(cases: &[Case]) -> Vec<&'static Program> {
    let wanted = |name: &str| cases.iter().any(|case| case.program() == Some(name));
    let mut programs = vec![&APP];
    if wanted(FORWARDER.name) {
        programs.push(&FORWARDER);
    }
    programs.extend(
        images::CATALOGUE
            .iter()
            .filter(|program| wanted(program.name)),
    );
    programs
}

impl Running {
    /// The process whose time and memory count.
    pub(super) fn measured(&self) -> &Process {
        self.proxy.as_ref().unwrap_or(&self.app)
    }

    /// Fails if one of the processes is no more.
    pub(super) fn require_alive(&mut self) -> Result<()> {
        let mut processes = self.proxy.iter_mut().chain([&mut self.app]);
        processes.try_for_each(Process::require_alive)
    }

    async fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        while !self.target.answers().await {
            self.require_alive()?;
            if begin.elapsed() > START {
                let words = self.measured().last_words();
                bail!("no request was answered with 200 within {START:?}; {words}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// A port nobody listens on at the moment.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// What the controller would write for a revision without a concurrency limit.
fn sidecar_environment(port: u16, user_port: u16) -> Vec<(&'static str, String)> {
    let text = |value: &str| value.to_owned();
    vec![
        ("CONTAINER_CONCURRENCY", text("0")),
        ("QUEUE_SERVING_PORT", port.to_string()),
        ("QUEUE_SERVING_TLS_PORT", text("8112")),
        ("USER_PORT", user_port.to_string()),
        ("REVISION_TIMEOUT_SECONDS", text("300")),
        (
            "SERVING_READINESS_PROBE",
            text(r#"{"tcpSocket":{"port":0},"successThreshold":1}"#),
        ),
        ("SERVING_LOGGING_CONFIG", text("")),
        ("SERVING_LOGGING_LEVEL", text("")),
        ("SERVING_NAMESPACE", text("bench")),
        ("SERVING_SERVICE", text("hello")),
        ("SERVING_CONFIGURATION", text("hello")),
        ("SERVING_REVISION", text("hello-00001")),
        ("SERVING_POD", text("bench")),
        ("SERVING_POD_IP", text("127.0.0.1")),
    ]
}
