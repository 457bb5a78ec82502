//! `cargo xtask cluster`: a real one-node Kubernetes on this machine.
//!
//! Everything else in this repository only needs a kubeconfig; where the cluster comes from is known here alone.
//! [`Provider`] is the choice: a cluster inside Docker made by `kind`, or one that we put together ourselves.

mod embedded;
mod kind;
mod name;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use tokio::process::Command as Process;

use embedded::Embedded;
use kind::Kind;
pub(crate) use name::Name;

/// Options of `cargo xtask cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which cluster: several can run side by side.
    #[arg(long, global = true, default_value = "ebb")]
    name: Name,
    /// Who runs it; by default `kind` if a Docker engine answers, else `embedded`.
    #[arg(long, global = true, value_enum, env = "EBB_CLUSTER_PROVIDER")]
    provider: Option<Choice>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Brings the cluster up; does nothing if it is up
    Up,
    /// Takes the cluster down and leaves nothing of it behind
    Down,
    /// Says whether the cluster is up, and how to use it
    Status,
    /// Loads images from OCI archives
    Load {
        /// Archives as `cargo xtask images` makes them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Runs kubectl against the cluster
    Kubectl {
        /// What kubectl is to do.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// A way to have a cluster, as named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// A node in a Docker container.
    Kind,
    /// A node in namespaces of this machine; Linux and root only.
    Embedded,
}

/// A cluster that is up.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// A kubeconfig with full rights.
    pub(crate) kubeconfig: PathBuf,
    /// The node's address, which this machine can reach.
    pub(crate) node: IpAddr,
    provider: Provider,
}

/// Who runs the cluster.
#[derive(Debug, Clone)]
enum Provider {
    Kind(Kind),
    Embedded(Embedded),
}

/// Runs `cargo xtask cluster`.
pub(crate) async fn run(args: Args) -> Result<()> {
    let provider = Provider::choose(&args.name, args.provider).await?;
    match args.command {
        Command::Up => {
            let cluster = provider.up().await?;
            println!("export KUBECONFIG={}", cluster.kubeconfig.display());
        }
        Command::Down => provider.down().await?,
        Command::Status => match provider.find().await? {
            Some(cluster) => println!(
                "cluster {} is up, its node has address {}\nexport KUBECONFIG={}",
                args.name,
                cluster.node,
                cluster.kubeconfig.display()
            ),
            None => bail!(
                "cluster {} is down; `cargo xtask cluster up --name {}` brings it up",
                args.name,
                args.name
            ),
        },
        Command::Load { files } => provider.running(&args.name).await?.load(&files).await?,
        Command::Kubectl { arguments } => {
            let cluster = provider.running(&args.name).await?;
            let status = cluster
                .kubectl()
                .args(arguments)
                .status()
                .await
                .context("cannot run kubectl")?;
            std::process::exit(status.code().unwrap_or(1));
        }
    }
    Ok(())
}

/// Brings the cluster up, unless it is, with the provider that fits this machine.
///
/// Interrupted or failing, it takes down what it has begun.
pub(crate) async fn up(name: &Name) -> Result<Cluster> {
    Provider::choose(name, None).await?.up().await
}

/// The cluster called `name`, if it is up.
pub(crate) async fn find(name: &Name) -> Result<Option<Cluster>> {
    Provider::choose(name, None).await?.find().await
}

impl Cluster {
    /// Takes the cluster down.
    pub(crate) async fn down(&self) -> Result<()> {
        self.provider.down().await
    }

    /// Makes the images in the archives `files` known to the node.
    pub(crate) async fn load(&self, files: &[PathBuf]) -> Result<()> {
        match &self.provider {
            Provider::Kind(kind) => kind.load(files).await,
            Provider::Embedded(embedded) => embedded.load(files).await,
        }
    }

    /// The words that run kubectl, with a space between them.
    pub(crate) fn kubectl_line(&self) -> String {
        let command = self.kubectl();
        let command = command.as_std();
        std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// A kubectl command for this cluster that inherits our standard streams.
    fn kubectl(&self) -> Process {
        let mut command = match &self.provider {
            Provider::Kind(_) => Process::new("kubectl"),
            Provider::Embedded(embedded) => embedded.kubectl(),
        };
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::inherit());
        command
    }
}

impl Provider {
    async fn choose(name: &Name, choice: Option<Choice>) -> Result<Self> {
        let embedded = Embedded::new(name.clone());
        let choice = match choice {
            Some(choice) => choice,
            // What is there stays what it is, even if a Docker engine has come up since.
            None if embedded.has_traces() => Choice::Embedded,
            None if kind::engine_answers().await => Choice::Kind,
            None => Choice::Embedded,
        };
        Ok(match choice {
            Choice::Kind => Self::Kind(Kind::new(name.clone())?),
            Choice::Embedded => Self::Embedded(embedded),
        })
    }

    async fn up(&self) -> Result<Cluster> {
        match self {
            Self::Kind(kind) => kind.up().await,
            Self::Embedded(embedded) => embedded.up().await,
        }
    }

    async fn down(&self) -> Result<()> {
        match self {
            Self::Kind(kind) => kind.down().await,
            Self::Embedded(embedded) => embedded.down().await,
        }
    }

    /// The cluster, if it is up.
    async fn find(&self) -> Result<Option<Cluster>> {
        match self {
            Self::Kind(kind) => kind.find().await,
            Self::Embedded(embedded) => embedded.find().await,
        }
    }

    async fn running(&self, name: &Name) -> Result<Cluster> {
        self.find().await?.with_context(|| {
            format!("cluster {name} is down; `cargo xtask cluster up --name {name}` brings it up")
        })
    }
}
