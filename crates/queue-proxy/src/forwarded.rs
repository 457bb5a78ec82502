//! `Forwarded` (RFC 7239) for containers that read nothing else, made from the
//! `X-Forwarded-*` headers of those that came before us.

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, HeaderValue};

use ebb_net::headers::X_FORWARDED_FOR;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Adds `Forwarded` unless the request has one or there is nothing to say. Call
/// it before this hop appends itself to `X-Forwarded-For`.
pub(crate) fn add(headers: &mut HeaderMap) {
    if headers
        .get(FORWARDED)
        .is_some_and(|value| !value.is_empty())
    {
        return;
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .unwrap_or("")
    };
    let element = render(
        text(X_FORWARDED_FOR),
        text(X_FORWARDED_HOST),
        text(X_FORWARDED_PROTO),
    );
    if let Some(value) = element.and_then(|element| HeaderValue::try_from(element).ok()) {
        headers.insert(FORWARDED, value);
    }
}

fn render(addresses: &str, host: &str, proto: &str) -> Option<String> {
    if addresses.is_empty() && host.is_empty() && proto.is_empty() {
        return None;
    }
    // A comma at the end begins no further address.
    let list = addresses.strip_suffix(',').unwrap_or(addresses);
    let mut addresses = list.split(',').map(node).filter(|_| !addresses.is_empty());
    let first: Vec<String> = [
        addresses.next(),
        (!host.is_empty()).then(|| format!("host={host}")),
        (!proto.is_empty()).then(|| format!("proto={proto}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut elements = vec![first.join(";")];
    elements.extend(addresses);
    Some(elements.join(", "))
}

fn node(address: &str) -> String {
    let address = address.trim();
    if address.contains(':') {
        format!("for=\"[{address}]\"")
    } else {
        format!("for={address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_follow_the_headers_that_are_there() {
        for (addresses, host, proto, expected) in [
            (
                "127.0.0.1, ::1",
                "h",
                "p",
                Some(r#"for=127.0.0.1;host=h;proto=p, for="[::1]""#),
            ),
            (
                "127.0.0.1, ::1",
                "",
                "",
                Some(r#"for=127.0.0.1, for="[::1]""#),
            ),
            (
                "127.0.0.1, ::1",
                "",
                "p",
                Some(r#"for=127.0.0.1;proto=p, for="[::1]""#),
            ),
            ("", "h", "p", Some("host=h;proto=p")),
            (",,,", "", "", Some("for=, for=, for=")),
            ("", "", "", None),
        ] {
            assert_eq!(render(addresses, host, proto).as_deref(), expected);
        }
    }

    #[test]
    fn what_a_client_forwarded_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED, HeaderValue::from_static("for=a"));
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("1.1.1.1"));
        add(&mut headers);
        assert_eq!(headers[FORWARDED], "for=a");
    }
}
