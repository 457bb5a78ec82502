//! The namespaces of a node and its link to this machine.
//!
//! ```text
//! host  ebbN 10.N.0.1 ══ eth0 10.N.0.2  node ── cni0 ── pods 10.N.64.0/18
//!       routes to pods and Services via the node
//! ```
//!
//! The first process inside only collects orphans. It holds mount, network, process and host-name namespaces open;
//! the kernel ends every other process in there with it, and all mounts and links go with the last of them.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::layout::{COVERED, Layout};
use super::limit::Limit;
use crate::command;

/// How long the kernel may take to make namespaces.
const MADE_WITHIN: Duration = Duration::from_secs(10);
/// How long the kernel may take to end everything in a node.
const DEAD_WITHIN: Duration = Duration::from_secs(20);

/// What the first process does before it becomes the reaper.
///
/// Directories that processes write to whatever their configuration says are covered, so that nothing lands on the
/// machine. So are the kernel's settings that the kubelet would change for all of it: it sees the values it wants.
/// And so is the list of name servers: none of the machine's can be reached from inside, and a pull of an image that
/// is not there would fail only after ten seconds.
const FIRST_STEPS: &str = r#"
hostname node
resolver=$1
shift
mount -t tmpfs tmpfs /run
if [ -e /etc/resolv.conf ]; then mount --bind "$resolver" /etc/resolv.conf; fi
mkdir -p /run/netns /run/lock /run/covers
mount -t tmpfs tmpfs /var/log
for covered; do mount -t tmpfs tmpfs "$covered"; done
cover() {
  echo "$2" >"/run/covers/$1"
  if [ -e "/proc/sys/$3" ]; then mount --bind "/run/covers/$1" "/proc/sys/$3"; fi
}
cover overcommit 1 vm/overcommit_memory
cover panic_on_oom 0 vm/panic_on_oom
cover panic 10 kernel/panic
cover oops 1 kernel/panic_on_oops
cover keys 1000000 kernel/keys/root_maxkeys
cover bytes 25000000 kernel/keys/root_maxbytes
exec tini -s -- sleep infinity
"#;

/// The namespaces of a running node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sandbox {
    /// The first process, as this machine numbers it.
    first: Pid,
}

impl Sandbox {
    /// Makes the namespaces and connects them.
    pub(super) async fn create(layout: &Layout) -> Result<Self> {
        let log = fs::File::create(layout.log("init"))?;
        // Its own process group, so that Ctrl-C in the terminal reaches us alone.
        let mut unshare = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--uts",
                "--fork",
                "--kill-child",
            ])
            .args(["--mount-proc", "--propagation", "private", "--"])
            .args(["/bin/sh", "-ec", FIRST_STEPS, "first"])
            .arg(layout.path("resolv.conf"))
            .args(COVERED)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            // If we give up before the node can be found by its number, it ends with its parent.
            .kill_on_drop(true)
            .spawn()
            .context("cannot run unshare")?;
        let limit = Limit::of(MADE_WITHIN);
        let first = loop {
            if let Some(first) = first_process(&unshare) {
                break first;
            }
            if unshare.try_wait()?.is_some() || !limit.pause().await {
                bail!(
                    "cannot make namespaces; {}",
                    command::tail_of(&layout.log("init"))
                );
            }
        };
        while !is_reaper(first) {
            if unshare.try_wait()?.is_some() || !limit.pause().await {
                bail!(
                    "the node's first process does not run; {}",
                    command::tail_of(&layout.log("init"))
                );
            }
        }
        fs::write(layout.path("first.pid"), first.to_string())?;
        // From here on it is to outlive us: it can be found, and `kill` ends it.
        std::mem::forget(unshare);
        let sandbox = Self { first };
        sandbox
            .connect(layout)
            .await
            .context("cannot connect the node")?;
        Ok(sandbox)
    }

    /// The namespaces of a node that was brought up earlier, by this command or another, if they still exist.
    pub(super) fn find(layout: &Layout) -> Option<Self> {
        let text = fs::read_to_string(layout.path("first.pid")).ok()?;
        let first = Pid::from_raw(text.trim().parse().ok()?);
        // After a restart of the machine the number may be somebody else's.
        is_reaper(first).then_some(Self { first })
    }

    /// A command that will run inside. The working directory changes, so paths must be absolute.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg("--target")
            .arg(self.first.to_string())
            .args(["--mount", "--net", "--pid", "--uts", "--"])
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Ends everything inside and waits until it is gone.
    pub(super) async fn kill(&self) -> Result<()> {
        let limit = Limit::of(DEAD_WITHIN);
        loop {
            match kill(self.first, Signal::SIGKILL) {
                Err(Errno::ESRCH) => return Ok(()),
                Err(errno) => return Err(errno).context("cannot end the node"),
                // A zombie can still be signalled, until whoever started it has looked.
                Ok(()) if !is_reaper(self.first) => return Ok(()),
                Ok(()) if limit.pause().await => {}
                Ok(()) => bail!("process {} does not end", self.first),
            }
        }
    }

    async fn connect(&self, layout: &Layout) -> Result<()> {
        let (host, node) = (layout.host(), layout.node());
        let link = layout.link();
        let first = self.first;
        for line in [
            format!("link add {link} type veth peer name eth0 netns {first}"),
            format!("address add {host}/24 dev {link}"),
            format!("link set {link} up"),
            format!("route add {} via {node}", layout.pods()),
            format!("route add {} via {node}", layout.services()),
        ] {
            command::output("ip", line.split(' ')).await?;
        }
        for line in [
            "link set lo up".to_owned(),
            format!("address add {node}/24 dev eth0"),
            "link set eth0 up".to_owned(),
            format!("route add default via {host}"),
        ] {
            let mut ip = self.command("ip");
            ip.args(line.split(' '));
            command::output_of(ip).await?;
        }
        // Traffic between two pods crosses a bridge; without the module a Service could not translate its replies.
        // It may as well be built in, and there may be no modprobe.
        let _ = command::output("modprobe", ["br_netfilter"]).await;
        let mut settings = self.command("/bin/sh");
        settings.args([
            "-ec",
            "echo 1 >/proc/sys/net/ipv4/ip_forward
             f=/proc/sys/net/bridge/bridge-nf-call-iptables; if [ -e $f ]; then echo 1 >$f; fi",
        ]);
        command::output_of(settings).await?;
        Ok(())
    }
}

/// Removes the link of a node, and the routes with it.
pub(super) async fn unlink(layout: &Layout) -> Result<()> {
    let link = layout.link();
    if fs::exists(format!("/sys/class/net/{link}"))? {
        // It also goes by itself when the node's namespace does; whoever comes second finds nothing.
        let removed = command::output("ip", ["link", "delete", &link]).await;
        if fs::exists(format!("/sys/class/net/{link}"))? {
            removed?;
        }
    }
    Ok(())
}

/// The only child of `unshare`.
fn first_process(unshare: &Child) -> Option<Pid> {
    let parent = unshare.id()?.to_string();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in brackets may hold anything; behind it come state and parent.
        let (_, rest) = stat.rsplit_once(')')?;
        (rest.split_whitespace().nth(1) == Some(parent.as_str())).then_some(Pid::from_raw(pid))
    })
}

/// Whether this process is a reaper that does what [`FIRST_STEPS`] ends with, in a namespace of its own.
fn is_reaper(pid: Pid) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.starts_with(b"tini\0-s\0--\0sleep\0infinity")
        && fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
            != fs::read_link("/proc/self/ns/pid").ok()
}
