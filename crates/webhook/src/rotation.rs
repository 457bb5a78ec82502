//! How one certificate follows another without a moment in which nobody is trusted.
//!
//! ```text
//! none ──► current ──(a day left)──► current + next ──(all configurations trust next)──►
//!   ▲         │                                        next is current + previous authority ──(a while)──► current
//!   └─────────┘ expired or broken: start over
//! ```
//!
//! Replicas show `current`; the configurations trust every authority in the Secret. So the API
//! server trusts the next certificate before anybody shows it, and still trusts the last one while
//! a slow replica shows it. This decides; `keep` waits and writes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::certificate::{self, CA_CERT, Error, RENEWAL, SERVER_CERT, SERVER_KEY};

type Data = BTreeMap<String, ByteString>;

/// Keys of the certificate to come, beside those of the current one.
const NEXT: [(&str, &str); 3] = [
    ("next-server-key.pem", SERVER_KEY),
    ("next-server-cert.pem", SERVER_CERT),
    ("next-ca-cert.pem", CA_CERT),
];
/// Key of the authority that was.
const PREVIOUS_CA: &str = "previous-ca-cert.pem";

/// What is to be done with the Secret.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing.
    Rest,
    /// There is nothing worth keeping: write this, at once. The error says what is wrong.
    StartOver(Data, Error),
    /// The current certificate is about to expire: write this, at once.
    Announce(Data),
    /// The next certificate is there, but not every configuration trusts it yet.
    Await,
    /// Everybody has come to trust the next certificate: write this, once that has settled.
    Promote(Data),
    /// What is left of the last certificate may go: write this, once nobody shows it any more.
    Forget(Data),
}

/// Decides the next step. `is_trusted` says whether all configurations trust an authority.
pub(crate) fn step(
    secret: &Secret,
    host_names: &[String],
    is_trusted: impl Fn(&ByteString) -> bool,
    now: SystemTime,
) -> Result<Step, Error> {
    let host = host_names.get(2).map(String::as_str).unwrap_or_default();
    let data = secret.data.clone().unwrap_or_default();
    if certificate::check(secret, host, now + RENEWAL).is_ok() {
        let has_leftovers =
            data.contains_key(PREVIOUS_CA) || NEXT.iter().any(|(next, _)| data.contains_key(*next));
        return Ok(if has_leftovers {
            Step::Forget(current(&data))
        } else {
            Step::Rest
        });
    }
    if let Err(reason) = certificate::check(secret, host, now) {
        return Ok(Step::StartOver(certificate::make(host_names, now)?, reason));
    }
    let next = Secret {
        data: Some(next(&data)),
        ..Secret::default()
    };
    if certificate::check(&next, host, now + RENEWAL).is_err() {
        let mut announced = current(&data);
        let made = certificate::make(host_names, now)?;
        announced.extend(
            NEXT.iter()
                .filter_map(|(next, key)| Some(((*next).to_owned(), made.get(*key)?.clone()))),
        );
        return Ok(Step::Announce(announced));
    }
    if !certificate::authority(&next).is_some_and(is_trusted) {
        return Ok(Step::Await);
    }
    let mut promoted = next.data.unwrap_or_default();
    if let Some(authority) = data.get(CA_CERT) {
        promoted.insert(PREVIOUS_CA.to_owned(), authority.clone());
    }
    Ok(Step::Promote(promoted))
}

/// The authorities that the configurations are to trust, in PEM; `None` before there is one.
pub(crate) fn authorities(secret: &Secret) -> Option<ByteString> {
    let mut bundle = certificate::authority(secret)?.clone();
    let data = secret.data.as_ref()?;
    let [.., (next_ca, _)] = NEXT;
    for other in [next_ca, PREVIOUS_CA]
        .into_iter()
        .filter_map(|key| data.get(key))
    {
        if !contains(&bundle, other) {
            bundle.0.extend_from_slice(&other.0);
        }
    }
    Some(bundle)
}

/// Whether a bundle has this authority in it.
pub(crate) fn contains(bundle: &ByteString, authority: &ByteString) -> bool {
    let length = authority.0.len();
    length > 0 && bundle.0.windows(length).any(|part| part == authority.0)
}

fn current(data: &Data) -> Data {
    let keys = NEXT.map(|(_, key)| key);
    data.iter()
        .filter(|(key, _)| keys.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The certificate to come, under the keys of the current one.
fn next(data: &Data) -> Data {
    NEXT.iter()
        .filter_map(|(next, key)| Some(((*key).to_owned(), data.get(*next)?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::certificate::{host_names, pair};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn names() -> Vec<String> {
        host_names("webhook", "knative-serving", "cluster.local")
    }

    fn secret(data: Data) -> Secret {
        Secret {
            data: Some(data),
            ..Secret::default()
        }
    }

    fn at(secret: &Secret, trusts_next: bool, now: SystemTime) -> Step {
        step(secret, &names(), |_| trusts_next, now).unwrap()
    }

    #[test]
    fn an_empty_secret_is_filled_at_once() {
        let now = SystemTime::now();
        let Step::StartOver(data, Error::Missing(_)) = at(&Secret::default(), false, now) else {
            panic!()
        };
        assert!(matches!(at(&secret(data), false, now), Step::Rest));
    }

    #[test]
    fn the_api_server_always_trusts_what_is_shown() {
        let start = SystemTime::now();
        let first = secret(certificate::make(&names(), start).unwrap());
        let old_authority = certificate::authority(&first).unwrap().clone();

        let late = start + 6 * DAY + Duration::from_secs(60);
        let Step::Announce(data) = at(&first, false, late) else {
            panic!()
        };
        let announced = secret(data);
        assert_eq!(
            certificate::authority(&announced),
            Some(&old_authority),
            "the old one is still shown"
        );
        pair(&announced).unwrap();
        let bundle = authorities(&announced).unwrap();

        assert!(matches!(at(&announced, false, late), Step::Await));
        let Step::Promote(data) = at(&announced, true, late) else {
            panic!()
        };
        let promoted = secret(data);
        let new_authority = certificate::authority(&promoted).unwrap();
        assert_ne!(*new_authority, old_authority);
        assert!(
            contains(&bundle, new_authority),
            "trusted before it is shown"
        );
        assert!(
            contains(&authorities(&promoted).unwrap(), &old_authority),
            "trusted while a slow replica shows it"
        );

        let Step::Forget(data) = at(&promoted, true, late) else {
            panic!()
        };
        let settled = secret(data);
        assert_eq!(
            authorities(&settled),
            certificate::authority(&settled).cloned()
        );
        assert!(matches!(at(&settled, true, late), Step::Rest));
    }

    #[test]
    fn what_has_expired_is_not_waited_for() {
        let start = SystemTime::now();
        let first = secret(certificate::make(&names(), start).unwrap());
        assert!(matches!(
            at(&first, false, start + 8 * DAY),
            Step::StartOver(..)
        ));
    }

    #[test]
    fn a_broken_next_certificate_is_made_again() {
        let start = SystemTime::now();
        let late = start + 6 * DAY + Duration::from_secs(60);
        let first = secret(certificate::make(&names(), start).unwrap());
        let Step::Announce(mut data) = at(&first, false, late) else {
            panic!()
        };
        data.insert(
            "next-server-key.pem".to_owned(),
            ByteString(b"nonsense".to_vec()),
        );
        assert!(matches!(at(&secret(data), true, late), Step::Announce(_)));
    }
}
