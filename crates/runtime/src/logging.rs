//! Lets `config-logging` set the log level of the running process.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ebb_core::config::{Errors, Logging, Settings as _};
use ebb_process::log::{Handle, Level};
use ebb_process::{Stop, Supervisor};

use crate::config::{ConfigMaps, Error, Live};

/// The level that `data` gives `component`, info if it gives none.
///
/// # Errors
/// Level names that do not exist, whomever they are for: a bad map is bad for every program, as upstream's.
fn level(data: &BTreeMap<String, String>, component: &str) -> Result<Level, Errors> {
    let wanted = Logging::parse(data)?.level_of(component);
    Ok(wanted.as_str().parse().unwrap_or(Level::Info))
}

struct Wanted(Level);

impl Default for Wanted {
    fn default() -> Self {
        Self(Level::Info)
    }
}

/// Keeps the level of `handle` at what the ConfigMap `name` says for `component`, at info without that map.
///
/// # Errors
/// When the map is there and bad now; a later bad value keeps the level as it is.
pub fn follow(
    supervisor: &Supervisor,
    maps: &ConfigMaps,
    name: &str,
    component: &'static str,
    handle: Handle,
) -> Result<(), Error> {
    let wanted = maps.or_default(name, move |data| level(data, component).map(Wanted))?;
    keep(supervisor, wanted, handle);
    Ok(())
}

/// The same for programs that do not start without the map.
///
/// # Errors
/// Also when the map is missing.
pub fn require(
    supervisor: &Supervisor,
    maps: &ConfigMaps,
    name: &str,
    component: &'static str,
    handle: Handle,
) -> Result<(), Error> {
    let wanted = maps.require(name, move |data| level(data, component).map(Wanted))?;
    keep(supervisor, wanted, handle);
    Ok(())
}

fn keep(supervisor: &Supervisor, wanted: Live<Wanted>, handle: Handle) {
    handle.set_level(wanted.get().0);
    let stop = supervisor.stop();
    supervisor.spawn("log level", async move {
        run(wanted, stop, |wanted| handle.set_level(wanted.0)).await
    });
}

async fn run<T>(live: Live<T>, stop: Stop, apply: impl Fn(&T)) -> Result<(), Infallible> {
    let mut version = live.subscribe();
    loop {
        tokio::select! {
            changed = version.changed() => match changed {
                Ok(()) => apply(&live.get()),
                Err(_) => {
                    stop.triggered().await;
                    return Ok(());
                }
            },
            () = stop.triggered() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn the_component_wins_over_the_zap_config() {
        let zap = ("zap-logger-config", r#"{"level": "error"}"#);
        assert_eq!(level(&map(&[zap]), "activator").unwrap(), Level::Error);
        let both = map(&[zap, ("loglevel.activator", "debug")]);
        assert_eq!(level(&both, "activator").unwrap(), Level::Debug);
        assert_eq!(level(&both, "webhook").unwrap(), Level::Error);
        assert_eq!(level(&map(&[]), "webhook").unwrap(), Level::Info);
    }

    #[test]
    fn bad_levels_are_told_to_everybody_with_key_and_what_they_may_be() {
        let bad = map(&[
            ("loglevel.", "loud"),
            ("loglevel.activator", ""),
            ("loglevel.controller", "all"),
            ("loglevel.webhook", "loud"),
        ]);
        let allowed = "debug, info, warn, error, dpanic, panic or fatal";
        for component in ["webhook", "activator"] {
            assert_eq!(
                level(&bad, component).unwrap_err().to_string(),
                format!(
                    "invalid logging level: all (loglevel.controller must be {allowed})\n\
                     invalid logging level: loud (loglevel.webhook must be {allowed})"
                )
            );
        }
    }
}
