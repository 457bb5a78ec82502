//! What a hop must do to a message's head before passing it on.
//!
//! Headers that belong to one connection are removed, `X-Forwarded-For` gets the
//! peer's address, and the two ways of naming a host (`Host`, `:authority`) are
//! kept in step. Everything else passes untouched: no user agent is invented, no
//! path is cleaned.

use http::header::{
    CONNECTION, COOKIE, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, request};

/// `X-Forwarded-For`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Removes what concerns one connection only, also what `Connection` names.
///
/// `Te: trailers` survives. So does `Trailer`, which the specification of the
/// original lists for removal but which it announces anew: hyper announces
/// nothing by itself and drops trailers of HTTP/1.1 that were not announced.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        strip_named_by_connection(headers);
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(PROXY_AUTHENTICATE);
    headers.remove(PROXY_AUTHORIZATION);
    headers.remove(TRANSFER_ENCODING);
    headers.remove(UPGRADE);
    if headers.contains_key(TE) {
        let trailers = has_token(headers, &TE, "trailers");
        headers.remove(TE);
        if trailers {
            headers.insert(TE, TRAILERS);
        }
    }
}

/// Whether a comma-separated header contains `token`, in any case.
pub fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The protocol an HTTP/1.1 client wants to switch to. An offer of `h2c` is none:
/// it may be declined by answering in HTTP/1.1, and it concerns this hop only.
pub fn requested_upgrade<B>(request: &Request<B>) -> Option<HeaderValue> {
    if request.version() != Version::HTTP_11 {
        return None;
    }
    let protocol = request.headers().get(UPGRADE)?;
    (!protocol.as_bytes().eq_ignore_ascii_case(b"h2c")
        && has_token(request.headers(), &CONNECTION, "upgrade"))
    .then(|| protocol.clone())
}

/// Appends `peer` to `X-Forwarded-For`, folding several lines into one.
pub fn append_forwarded_for(headers: &mut HeaderMap, peer: &HeaderValue) {
    let folded = match headers.get(X_FORWARDED_FOR) {
        None => peer.clone(),
        Some(_) => {
            let mut line = Vec::new();
            for value in headers.get_all(X_FORWARDED_FOR) {
                line.extend_from_slice(value.as_bytes());
                line.extend_from_slice(b", ");
            }
            line.extend_from_slice(peer.as_bytes());
            HeaderValue::from_maybe_shared(bytes::Bytes::from(line))
                .expect("header values joined by a comma are a header value")
        }
    };
    headers.insert(X_FORWARDED_FOR, folded);
}

/// The host a request is meant for, with its port if it has one: `:authority` or
/// the absolute form of the target, else `Host`.
pub fn host<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// Makes `host` the host of a request, in whichever form it names one. A value
/// that is no host is ignored: it came from a stranger.
pub fn set_host<B>(request: &mut Request<B>, host: &HeaderValue) {
    if request.uri().authority().is_some()
        && let Ok(authority) = Authority::try_from(host.as_bytes())
    {
        replace_uri(request.uri_mut(), Some(authority));
    }
    if request.headers().contains_key(HOST) || request.version() < Version::HTTP_2 {
        request.headers_mut().insert(HOST, host.clone());
    }
}

/// Gives the target the form that HTTP/1.1 wants on a direct connection: the
/// path alone, the host in `Host`, one `Cookie` line.
pub(crate) fn to_origin_form(request: &mut request::Parts) {
    if let Some(authority) = request.uri.authority() {
        // The target wins over `Host` (RFC 9112, 3.2.2).
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers.insert(HOST, host);
        }
        replace_uri(&mut request.uri, None);
    }
    if request.version == Version::HTTP_2 {
        join_cookies(&mut request.headers);
    }
    request.version = Version::HTTP_11;
}

/// Gives the target the form that HTTP/2 wants: scheme and authority in the
/// target, no `Host`.
pub(crate) fn to_absolute_form(request: &mut request::Parts) {
    let host = request.headers.remove(HOST);
    if request.uri.authority().is_none() {
        let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        replace_uri(&mut request.uri, authority);
    }
    request.version = Version::HTTP_2;
}

fn replace_uri(uri: &mut Uri, authority: Option<Authority>) {
    let mut parts = std::mem::take(uri).into_parts();
    parts.scheme = authority.is_some().then_some(Scheme::HTTP);
    parts.authority = authority;
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    *uri = Uri::from_parts(parts).expect("scheme and authority are both there or both not");
}

/// HTTP/2 may split cookies over lines, HTTP/1.1 may not (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn strip_named_by_connection(headers: &mut HeaderMap) {
    let mut named = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|b| *b == b',') {
            // Names that are none cannot be the name of a header either.
            match token.trim_ascii() {
                t if t.eq_ignore_ascii_case(b"keep-alive") || t.eq_ignore_ascii_case(b"close") => {}
                t if t.eq_ignore_ascii_case(b"te") => {}
                t => named.extend(HeaderName::from_bytes(t)),
            }
        }
    }
    headers.remove(CONNECTION);
    for name in named {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn headers_of_one_connection_stop_here() {
        let mut map = headers(&[
            ("Connection", "X-Secret, keep-alive"),
            ("X-Secret", "1"),
            ("Keep-Alive", "5"),
            ("Proxy-Connection", "keep-alive"),
            ("Proxy-Authenticate", "a"),
            ("Proxy-Authorization", "b"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "websocket"),
            ("TE", "gzip"),
            ("Accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(names(&map), ["accept"]);
    }

    #[test]
    fn te_keeps_trailers_and_nothing_else() {
        let mut map = headers(&[
            ("TE", "gzip, Trailers"),
            ("Connection", "TE"),
            ("Trailer", "X-Sum"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(names(&map), ["te", "trailer"]);
        assert_eq!(map[TE], "trailers");
    }

    #[test]
    fn forwarded_for_folds_lines_and_appends_the_peer() {
        let peer = HeaderValue::from_static("10.0.0.9");
        let mut map = HeaderMap::new();
        append_forwarded_for(&mut map, &peer);
        assert_eq!(map[X_FORWARDED_FOR], "10.0.0.9");
        let mut map = headers(&[
            ("X-Forwarded-For", "1.1.1.1"),
            ("X-Forwarded-For", "2.2.2.2, ::1"),
        ]);
        append_forwarded_for(&mut map, &peer);
        assert_eq!(map.get_all(X_FORWARDED_FOR).iter().count(), 1);
        assert_eq!(map[X_FORWARDED_FOR], "1.1.1.1, 2.2.2.2, ::1, 10.0.0.9");
    }

    fn upgrade_of(pairs: &[(&str, &str)]) -> Option<HeaderValue> {
        let mut request = Request::new(());
        *request.headers_mut() = headers(pairs);
        requested_upgrade(&request)
    }

    #[test]
    fn an_upgrade_needs_both_headers_and_is_never_h2c() {
        assert_eq!(
            upgrade_of(&[
                ("Connection", "keep-alive, Upgrade"),
                ("Upgrade", "websocket")
            ])
            .unwrap(),
            "websocket"
        );
        assert_eq!(upgrade_of(&[("Upgrade", "websocket")]), None);
        assert_eq!(
            upgrade_of(&[
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c")
            ]),
            None
        );
    }

    #[test]
    fn the_host_is_kept_between_the_two_forms() {
        let request = Request::get("http://a.example:81/x?y=1").version(Version::HTTP_2);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.headers = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
        to_origin_form(&mut parts);
        assert_eq!(
            (parts.uri.to_string().as_str(), parts.version),
            ("/x?y=1", Version::HTTP_11)
        );
        assert_eq!(parts.headers[HOST], "a.example:81");
        assert_eq!(parts.headers[COOKIE], "a=1; b=2");

        to_absolute_form(&mut parts);
        assert_eq!(parts.uri.to_string(), "http://a.example:81/x?y=1");
        assert!(!parts.headers.contains_key(HOST));
    }

    #[test]
    fn the_host_can_be_replaced_in_either_form() {
        let new = HeaderValue::from_static("b.example");
        let mut absolute = Request::get("http://a.example/x")
            .version(Version::HTTP_2)
            .body(())
            .unwrap();
        set_host(&mut absolute, &new);
        assert_eq!(absolute.uri().to_string(), "http://b.example/x");
        assert!(!absolute.headers().contains_key(HOST));
        let mut origin = Request::get("/x")
            .header(HOST, "a.example")
            .body(())
            .unwrap();
        set_host(&mut origin, &new);
        assert_eq!(host(&origin), Some("b.example"));
        set_host(&mut absolute, &HeaderValue::from_static("no host/"));
        assert_eq!(host(&absolute), Some("b.example"));
    }
}
