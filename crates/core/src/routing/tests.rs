//! The way from an Ingress to a verdict, as a whole.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::endpoints::BackendRef;
use super::program::{Error, compile};
use super::table::{Door, NETWORK_HASH, Request, Table, Verdict};
use crate::api::ingress::Ingress;

/// Backends are named by their Service.
type TestTable = Table<String>;

fn ingress(spec: &Value) -> Ingress {
    serde_json::from_value(json!({ "metadata": { "namespace": "ns", "name": "i" }, "spec": spec }))
        .unwrap()
}

fn table(spec: &Value) -> TestTable {
    let program = compile(&ingress(spec), |backend: BackendRef| backend.service).unwrap();
    let mut table = TestTable::default();
    for site in program.sites {
        table.insert(site.door, site.host, site.rules);
    }
    table
}

fn to(service: &str) -> Value {
    json!([{ "serviceNamespace": "ns", "serviceName": service, "servicePort": 80 }])
}

fn share(service: &str, percent: u32) -> Value {
    json!({ "serviceNamespace": "ns", "serviceName": service, "servicePort": 80, "percent": percent })
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let parse = |(name, value): &(&str, &str)| {
        (
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(parse) {
        map.append(name, value);
    }
    map
}

/// Backend, `redirect` or `404`.
fn ask(table: &TestTable, door: Door, host: &str, path: &str, sent: &[(&str, &str)]) -> String {
    let headers = headers(sent);
    let request = Request {
        door,
        secure: false,
        host,
        path,
        headers: &headers,
        random: 0,
    };
    match table.decide(&request) {
        Verdict::Forward(forward) => forward.target.backend.clone(),
        Verdict::RedirectToHttps => "redirect".into(),
        Verdict::NotFound => "404".into(),
    }
}

/// The headers that the backend would see.
fn seen(table: &TestTable, host: &str, random: u32, sent: &[(&str, &str)]) -> HeaderMap {
    let mut headers = headers(sent);
    let sent = headers.clone();
    let request = Request {
        door: Door::Public,
        secure: false,
        host,
        path: "/",
        headers: &sent,
        random,
    };
    let Verdict::Forward(forward) = table.decide(&request) else {
        panic!("not forwarded")
    };
    forward.set_headers(&mut headers);
    headers
}

#[test]
fn the_longest_prefix_wins_whatever_the_order() {
    let table = table(&json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [
        { "splits": to("rest") }, { "path": "/foo", "splits": to("foo") }, { "path": "/foo/bar", "splits": to("bar") },
    ]}}]}));
    for (path, backend) in [
        ("/foo", "foo"),
        ("/foobar", "foo"),
        ("/foo/bar/x", "bar"),
        ("/", "rest"),
        ("", "rest"),
        ("/asdf", "rest"),
    ] {
        assert_eq!(ask(&table, Door::Public, "a", path, &[]), backend, "{path}");
    }
}

#[test]
fn a_path_that_asks_for_headers_goes_before_one_that_does_not() {
    let table = table(&json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [
        { "splits": to("none") },
        { "headers": { "Knative-Serving-Tag": { "exact": "blue" } }, "splits": to("blue") },
    ]}}]}));
    let ask = |sent: &[(&str, &str)]| ask(&table, Door::Public, "a", "/", sent);
    assert_eq!(ask(&[("knative-serving-tag", "blue")]), "blue");
    assert_eq!(ask(&[]), "none");
    assert_eq!(ask(&[("Knative-Serving-Tag", "")]), "none");
    assert_eq!(ask(&[("Knative-Serving-Tag", "Blue")]), "none");
    assert_eq!(
        ask(&[
            ("Knative-Serving-Tag", "blue"),
            ("Knative-Serving-Tag", "x")
        ]),
        "none"
    );
}

#[test]
fn private_hosts_are_not_at_the_public_door() {
    let table = table(&json!({ "rules": [
        { "hosts": ["a.ns.svc"], "visibility": "ClusterLocal", "http": { "paths": [{ "splits": to("s") }] } },
        { "hosts": ["a.example.com"], "http": { "paths": [{ "splits": to("s") }] } },
    ]}));
    assert_eq!(ask(&table, Door::Public, "a.ns.svc", "/", &[]), "404");
    assert_eq!(ask(&table, Door::Private, "a.ns.svc", "/", &[]), "s");
    assert_eq!(
        ask(&table, Door::Public, "A.example.com:8080", "/", &[]),
        "s"
    );
    assert_eq!(ask(&table, Door::Private, "a.example.com", "/", &[]), "s");
    assert_eq!(ask(&table, Door::Public, "b.example.com", "/", &[]), "404");
}

#[test]
fn a_rule_without_hosts_takes_what_nobody_else_wants() {
    let table = table(&json!({ "rules": [
        { "http": { "paths": [{ "splits": to("any") }] } },
        { "hosts": ["a"], "http": { "paths": [{ "path": "/x", "splits": to("a") }] } },
    ]}));
    assert_eq!(ask(&table, Door::Public, "a", "/x", &[]), "a");
    assert_eq!(ask(&table, Door::Public, "a", "/", &[]), "404");
    assert_eq!(ask(&table, Door::Public, "b", "/", &[]), "any");
}

#[test]
fn headers_of_path_and_split_replace_what_the_client_sent() {
    let mut split = share("s", 100);
    split["appendHeaders"] = json!({ "Both": "split", "Split": "s" });
    let table = table(&json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [
        { "appendHeaders": { "both": "path", "Path": "p" }, "splits": [split] },
    ]}}]}));
    let seen = seen(
        &table,
        "a",
        0,
        &[
            ("path", "bogus"),
            ("path", "bogus"),
            ("Split", "bogus"),
            ("Other", "kept"),
        ],
    );
    let expected = headers(&[
        ("path", "p"),
        ("both", "split"),
        ("split", "s"),
        ("other", "kept"),
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn a_prober_learns_the_hash_and_any_other_value_passes() {
    let spec =
        json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [{ "splits": to("s") }] } }] });
    let hash = compile(&ingress(&spec), |_| ()).unwrap().hash;
    let table = table(&spec);
    assert_eq!(
        seen(&table, "a", 0, &[("K-Network-Hash", "override")])[&NETWORK_HASH],
        hash.as_str()
    );
    assert_eq!(
        seen(&table, "a", 0, &[("K-Network-Hash", "other")])[&NETWORK_HASH],
        "other"
    );
    assert!(!seen(&table, "a", 0, &[]).contains_key(&NETWORK_HASH));
}

#[test]
fn the_header_of_the_hash_is_the_one_that_probers_know() {
    assert_eq!(
        NETWORK_HASH.as_str(),
        crate::names::headers::HASH.to_ascii_lowercase()
    );
}

#[test]
fn redirected_hosts_are_redirected_unless_private_or_secure_or_challenged() {
    let rules = json!([
        { "hosts": ["a"], "http": { "paths": [{ "splits": to("s") }] } },
        { "hosts": ["a.ns"], "visibility": "ClusterLocal", "http": { "paths": [{ "splits": to("s") }] } },
    ]);
    let challenge = "/.well-known/acme-challenge/token";
    let without = table(&json!({ "httpOption": "Redirected", "rules": rules }));
    assert_eq!(ask(&without, Door::Public, "a", "/", &[]), "redirect");
    assert_eq!(ask(&without, Door::Public, "a", challenge, &[]), "s");
    assert_eq!(ask(&without, Door::Private, "a.ns", "/", &[]), "s");
    let tls = json!([{ "hosts": ["a"], "secretName": "s", "secretNamespace": "ns" }]);
    let with = table(&json!({ "httpOption": "Redirected", "rules": rules, "tls": tls }));
    assert_eq!(ask(&with, Door::Public, "a", challenge, &[]), "redirect");
    let headers = HeaderMap::new();
    let secure = Request {
        door: Door::Public,
        secure: true,
        host: "a",
        path: "/",
        headers: &headers,
        random: 0,
    };
    assert!(matches!(with.decide(&secure), Verdict::Forward(_)));
}

#[test]
fn a_backend_without_a_share_is_not_even_bound() {
    let spec = json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [
        { "splits": [share("some", 100), share("none", 0)] },
    ]}}]});
    let mut bound = Vec::new();
    compile(&ingress(&spec), |backend| bound.push(backend.to_string())).unwrap();
    assert_eq!(bound, ["ns/some:80"]);
}

#[test]
fn an_error_names_the_field() {
    let check = |path: Value, expected: &str| {
        let spec = json!({ "rules": [{ "http": { "paths": [path] } }] });
        let error: Error = compile(&ingress(&spec), |_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        json!({ "appendHeaders": { "a b": "c" } }),
        r#"spec.rules[0].http.paths[0].appendHeaders: "a b" is not the name of a header"#,
    );
    check(
        json!({ "headers": { "a": { "exact": "\n" } } }),
        "spec.rules[0].http.paths[0].headers[a]: HTTP cannot carry this value",
    );
    check(
        json!({ "splits": [share("s", 101)] }),
        "spec.rules[0].http.paths[0].splits[0].percent: 101 is not a percentage",
    );
}

#[test]
fn only_the_owner_takes_a_host_out() {
    let spec =
        json!({ "rules": [{ "hosts": ["a"], "http": { "paths": [{ "splits": to("s") }] } }] });
    let old = compile(&ingress(&spec), |backend| backend.service)
        .unwrap()
        .sites
        .remove(0);
    let new = compile(&ingress(&spec), |backend| backend.service)
        .unwrap()
        .sites
        .remove(0);
    let mut table = TestTable::default();
    table.insert(old.door, old.host.clone(), old.rules.clone());
    table.insert(new.door, new.host.clone(), new.rules.clone());
    table.remove(old.door, &old.host, &old.rules);
    assert_eq!(table.len(old.door), 1);
    table.remove(new.door, &new.host, &new.rules);
    assert_eq!(table.len(old.door), 0);
}

proptest! {
    /// Against the rule as one would say it: of all paths whose prefix and headers fit, the longest prefix; among
    /// those, one with headers; among those, the first.
    #[test]
    fn precedence_is_as_documented(
        paths in prop::collection::vec(("(/[ab]{0,2}){0,2}", any::<bool>()), 1..8),
        asked in "(/[ab]{0,2}){0,3}",
        tagged in any::<bool>(),
    ) {
        let listed: Vec<Value> = paths.iter().enumerate().map(|(index, (path, asks))| {
            let headers = if *asks { json!({ "Tag": { "exact": "t" } }) } else { json!({}) };
            json!({ "path": path, "headers": headers, "splits": to(&index.to_string()) })
        }).collect();
        let table = table(&json!({ "rules": [{ "hosts": ["a"], "http": { "paths": listed } }] }));
        let fits = |(_, (path, asks)): &(usize, &(String, bool))| asked.starts_with(path.as_str()) && (tagged || !asks);
        let best = paths.iter().enumerate().filter(fits).max_by_key(|(index, (path, asks))| {
            (path.len(), *asks, std::cmp::Reverse(*index))
        });
        let sent: &[(&str, &str)] = if tagged { &[("tag", "t")] } else { &[] };
        let expected = best.map_or("404".to_owned(), |(index, _)| index.to_string());
        prop_assert_eq!(ask(&table, Door::Public, "a", &asked, sent), expected);
    }
}
