//! ConfigMaps: any data is judged by each of the eleven, and the example's checksum ignores what it should.
//!
//! An input is lines of `key: value`; a line that starts with a blank goes on with the value above it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ebb_core::config::{self, Data, Settings, example};
use ebb_core::names::annotations::EXAMPLE_CHECKSUM;

/// A problem may quote its key and value, each byte as an escape of six, and say as much again.
const LONGEST_PROBLEM: usize = 1024;

/// Reads the input as data of every ConfigMap.
///
/// # Panics
/// If a verdict changes, a problem is not about the data, or a checksum does not do its work.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let data = data(text);
    judge::<config::Autoscaler>(&data);
    judge::<config::CertManager>(&data);
    judge::<config::Defaults>(&data);
    judge::<config::Deployment>(&data);
    judge::<config::Domain>(&data);
    judge::<config::Features>(&data);
    judge::<config::Gc>(&data);
    judge::<config::LeaderElection>(&data);
    judge::<config::Logging>(&data);
    judge::<config::Network>(&data);
    judge::<config::Observability>(&data);
    checksum(text);
}

/// The entries of a ConfigMap.
fn data(text: &str) -> Data {
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in text.split('\n') {
        match (line.strip_prefix(' '), entries.last_mut()) {
            (Some(more), Some((_, value))) => {
                value.push('\n');
                value.push_str(more);
            }
            _ => {
                let (key, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                entries.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    entries.into_iter().collect()
}

fn judge<S: Settings + Debug>(data: &Data) {
    assert!(config::is_known(S::NAME));
    let verdict = S::parse(data);
    assert_eq!(
        config::check(S::NAME, data),
        verdict.as_ref().map(|_| ()).map_err(Clone::clone)
    );
    match &verdict {
        Ok(settings) => {
            let shown = format!("{settings:?}");
            let mut with_example = data.clone();
            with_example.insert(example::KEY.to_owned(), "min-scale: \"-1\"".to_owned());
            let again = S::parse(&with_example).map(|again| format!("{again:?}"));
            assert_eq!(again, Ok(shown), "the example has no effect");
        }
        Err(errors) => {
            assert!(!errors.problems().is_empty());
            for problem in errors.problems() {
                let at = data.get(&problem.key);
                assert_eq!(problem.value.as_ref(), at, "{problem:?}");
                let quoted = 6 * (problem.key.len() + at.map_or(0, String::len));
                assert!(!problem.message.is_empty());
                assert!(
                    problem.message.len() <= 2 * quoted + LONGEST_PROBLEM,
                    "{problem:?}"
                );
            }
        }
    }
}

/// White space around the block and the number and kind of line breaks do not count; all else does.
fn checksum(block: &str) {
    let sum = example::checksum(block);
    assert!(
        sum.len() == 8 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        "{sum}"
    );
    assert_eq!(example::checksum(&format!("\n \t{block}\r\n\n")), sum);
    let unix = block.replace("\r\n", "\n");
    // Before a line break a carriage return is a character of its own; without the break's own one it would be part of it.
    if !unix.contains("\r\n") {
        assert_eq!(example::checksum(&unix), sum);
        assert_eq!(example::checksum(&unix.replace('\n', "\r\n")), sum);
        assert_eq!(example::checksum(&unix.replace('\n', "\n\n\n")), sum);
    }
    assert_ne!(example::checksum(&format!("{block}.")), sum);

    let data = Data::from([(example::KEY.to_owned(), block.to_owned())]);
    let annotated = |sum: &str| BTreeMap::from([(EXAMPLE_CHECKSUM.to_owned(), sum.to_owned())]);
    assert_eq!(example::check(&data, &annotated(&sum)), Ok(()));
    assert_eq!(example::check(&data, &annotated("")), Err(example::Edited));
}
