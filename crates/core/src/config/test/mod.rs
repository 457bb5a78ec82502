//! Every table and example of the reference of ConfigMaps, a file a map.

mod autoscaler;
mod cert_manager;
mod common;
mod defaults;
mod deployment;
mod domain;
mod features;
mod gc;
mod leader_election;
mod logging;
mod messages;
mod network;
mod observability;

use super::*;

/// Entries of a ConfigMap.
pub(crate) fn data<const N: usize>(entries: [(&str, &str); N]) -> Data {
    map(&entries)
}

fn map(entries: &[(&str, &str)]) -> Data {
    entries
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Checks that the settings are refused with exactly these words of upstream's.
#[track_caller]
fn refuses<S: Settings>(entries: &[(&str, &str)], want: &str) {
    let errors = S::parse(&map(entries)).err();
    let got = errors.map(|errors| {
        let messages: Vec<&str> = errors
            .problems()
            .iter()
            .map(|p| p.message.as_str())
            .collect();
        messages.join("\n")
    });
    assert_eq!(got.as_deref(), Some(want), "{entries:?}");
}

/// Checks that the settings are accepted.
#[track_caller]
fn accepts<S: Settings>(entries: &[(&str, &str)]) -> S {
    S::parse(&map(entries)).unwrap_or_else(|e| panic!("{entries:?}: {e}"))
}

/// Checks that nothing, and what has no meaning, gives the defaults.
#[track_caller]
fn nothing_means_the_defaults<S: Settings + PartialEq + fmt::Debug>() {
    assert_eq!(accepts::<S>(&[]), S::default());
    let noise = [("_example", "{[not yaml"), ("no-such-key", "-1")];
    assert_eq!(accepts::<S>(&noise), S::default());
}
