//! The sandbox container of a pod: holds the pod's namespaces open and does nothing else.
//!
//! As the first process of its namespace it inherits orphans and reaps them. It ends at SIGTERM or SIGINT.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

fn main() -> Result<(), Errno> {
    // Blocked and then waited for, so that none can slip in between; and the kernel throws away what the first
    // process of a namespace neither blocks nor handles.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => reap(),
            _ => return Ok(()),
        }
    }
}

/// Collects every child that has ended. One signal can stand for several of them.
fn reap() {
    let any = Pid::from_raw(-1);
    while !matches!(
        waitpid(any, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(_)
    ) {}
}
