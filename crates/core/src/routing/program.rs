//! One Ingress, compiled: the virtual hosts that it wants in the table, ready to be put there.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, InvalidHeaderName, InvalidHeaderValue};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::defaults::with_defaults;
use super::endpoints::{BackendRef, PortRef};
use super::hash::hash;
use super::host::{ANY_HOST, normalize};
use super::split::Splits;
use super::table::{Door, PlainHttp, Route, Target, VirtualHost};
use super::tls::{Certificate, certificates, has_certificate};
use crate::api::ingress::{
    HttpOption, HttpPath, Ingress, IngressRule, IngressSpec, IngressSplit, Visibility,
};

/// What an Ingress asks for.
#[derive(Debug)]
pub struct Program<B> {
    /// Tells this version from all others (ingress.md 5.1).
    pub hash: String,
    /// Each door and host once.
    pub sites: Vec<Site<B>>,
    /// The certificates its hosts are served with.
    pub certificates: Vec<Certificate>,
}

/// The rules for one host at one door.
#[derive(Debug)]
pub struct Site<B> {
    /// Where the host may be asked for.
    pub door: Door,
    /// Normalised.
    pub host: Arc<str>,
    /// Shared by all hosts of a rule.
    pub rules: Arc<VirtualHost<B>>,
}

impl<B> Clone for Site<B> {
    fn clone(&self) -> Self {
        Self {
            door: self.door,
            host: self.host.clone(),
            rules: self.rules.clone(),
        }
    }
}

/// Why an Ingress cannot be compiled. Admission refuses some of this, but it may be absent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Header names are tokens.
    #[error("{field}: {name:?} is not the name of a header")]
    HeaderName {
        field: String,
        name: String,
        source: InvalidHeaderName,
    },
    /// Header values have no control characters.
    #[error("{field}[{name}]: HTTP cannot carry this value")]
    HeaderValue {
        field: String,
        name: String,
        source: InvalidHeaderValue,
    },
    /// It would become the `Host` header.
    #[error("{field}: {host:?} is not a host")]
    RewriteHost {
        field: String,
        host: String,
        source: InvalidHeaderValue,
    },
    /// Ports are 0 to 65535.
    #[error("{field}: {port} is not a port")]
    Port { field: String, port: i32 },
    /// Shares are 0 to 100.
    #[error("{field}: {percent} is not a percentage")]
    Percent { field: String, percent: i64 },
}

/// Compiles an Ingress. `bind` turns the name of a backend into the serving program's handle of it; backends without
/// a share are not asked for.
///
/// # Errors
/// When a field holds what HTTP or TCP cannot express. The message begins with the field's path.
pub fn compile<B>(
    ingress: &Ingress,
    mut bind: impl FnMut(BackendRef) -> B,
) -> Result<Program<B>, Error> {
    let spec = with_defaults(ingress.spec.clone());
    let namespace = ingress.metadata.namespace.as_deref().unwrap_or_default();
    let name = ingress.metadata.name.as_deref().unwrap_or_default();
    let hash = hash(&spec, namespace, name);
    let hash_value = HeaderValue::from_str(&hash).expect("hex digits may stand in a header");

    let mut sites = Vec::new();
    let mut seen = HashSet::new();
    for (index, rule) in spec.rules.iter().enumerate() {
        let rules = Arc::new(VirtualHost {
            plain_http: plain_http(&spec, rule),
            hash: hash_value.clone(),
            routes: routes(rule, &format!("spec.rules[{index}]"), &mut bind)?,
        });
        for host in hosts(rule) {
            // The first rule of a host wins; Serving never writes two.
            for door in doors(rule) {
                if seen.insert((*door, host.clone())) {
                    sites.push(Site {
                        door: *door,
                        host: host.clone(),
                        rules: rules.clone(),
                    });
                }
            }
        }
    }
    Ok(Program {
        hash,
        sites,
        certificates: certificates(&spec),
    })
}

fn hosts(rule: &IngressRule) -> Vec<Arc<str>> {
    if rule.hosts.is_empty() {
        return vec![Arc::from(ANY_HOST)];
    }
    rule.hosts
        .iter()
        .map(|host| Arc::from(&*normalize(host)))
        .collect()
}

/// What the world may reach, the cluster may, too: in-cluster clients come by the private door for any host.
fn doors(rule: &IngressRule) -> &'static [Door] {
    match rule.visibility {
        Visibility::ClusterLocal => &[Door::Private],
        Visibility::Unset | Visibility::ExternalIP => &[Door::Public, Door::Private],
        // Not known to us, so rather too hidden than too open.
        Visibility::Other(_) => &[Door::Private],
    }
}

fn plain_http(spec: &IngressSpec, rule: &IngressRule) -> PlainHttp {
    let public = doors(rule).contains(&Door::Public);
    if !public || spec.http_option != HttpOption::Redirected {
        PlainHttp::Served
    } else if has_certificate(spec, rule) {
        PlainHttp::Redirected
    } else {
        PlainHttp::RedirectedExceptChallenges
    }
}

/// In order of precedence: longer prefixes first, and of equal ones those first that also ask for headers. Beyond that
/// the order of the spec stands.
fn routes<B>(
    rule: &IngressRule,
    at: &str,
    bind: &mut impl FnMut(BackendRef) -> B,
) -> Result<Box<[Route<B>]>, Error> {
    let paths = rule.http.iter().flat_map(|http| &http.paths).enumerate();
    let mut routes = paths
        .map(|(index, path)| route(path, &format!("{at}.http.paths[{index}]"), bind))
        .collect::<Result<Vec<_>, Error>>()?;
    routes.sort_by_key(|route| (Reverse(route.prefix.len()), route.headers.is_empty()));
    Ok(routes.into())
}

fn route<B>(
    path: &HttpPath,
    at: &str,
    bind: &mut impl FnMut(BackendRef) -> B,
) -> Result<Route<B>, Error> {
    let wanted = path
        .headers
        .iter()
        .map(|(name, matched)| (name, &matched.exact));
    let headers = header_list(wanted, &format!("{at}.headers"))?;
    let path_headers = header_list(&path.append_headers, &format!("{at}.appendHeaders"))?;
    let rewrite_host = rewrite_host(&path.rewrite_host, at)?;
    let mut shares = Vec::with_capacity(path.splits.len());
    for (index, split) in path.splits.iter().enumerate() {
        let at = format!("{at}.splits[{index}]");
        let share = share(split, &at)?;
        if share == 0 {
            continue;
        }
        let mut set_headers = path_headers.clone();
        for (name, value) in header_list(&split.append_headers, &format!("{at}.appendHeaders"))? {
            set_headers.retain(|(known, _)| *known != name);
            set_headers.push((name, value));
        }
        let backend = bind(backend(split, &at)?);
        let target = Target {
            backend,
            set_headers: set_headers.into(),
            rewrite_host: rewrite_host.clone(),
        };
        shares.push((share, Arc::new(target)));
    }
    Ok(Route {
        prefix: path.path.as_str().into(),
        headers: headers.into(),
        splits: Splits::new(shares),
    })
}

fn rewrite_host(host: &str, at: &str) -> Result<Option<HeaderValue>, Error> {
    if host.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::from_str(host).map_err(|source| Error::RewriteHost {
        field: format!("{at}.rewriteHost"),
        host: host.to_owned(),
        source,
    })?;
    Ok(Some(value))
}

fn share(split: &IngressSplit, at: &str) -> Result<u32, Error> {
    match u32::try_from(split.percent) {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err(Error::Percent {
            field: format!("{at}.percent"),
            percent: split.percent,
        }),
    }
}

fn backend(split: &IngressSplit, at: &str) -> Result<BackendRef, Error> {
    let port = match &split.service_port {
        IntOrString::Int(number) => {
            PortRef::Number(u16::try_from(*number).map_err(|_| Error::Port {
                field: format!("{at}.servicePort"),
                port: *number,
            })?)
        }
        IntOrString::String(name) => PortRef::Name(name.clone()),
    };
    Ok(BackendRef {
        namespace: split.service_namespace.clone(),
        service: split.service_name.clone(),
        port,
    })
}

type Headers = Vec<(HeaderName, HeaderValue)>;

fn header_list<'h>(
    headers: impl IntoIterator<Item = (&'h String, &'h String)>,
    field: &str,
) -> Result<Headers, Error> {
    let mut list: Headers = Vec::new();
    for (name, value) in headers {
        let parsed = HeaderName::try_from(name).map_err(|source| Error::HeaderName {
            field: field.to_owned(),
            name: name.clone(),
            source,
        })?;
        let value = HeaderValue::from_str(value).map_err(|source| Error::HeaderValue {
            field: field.to_owned(),
            name: name.clone(),
            source,
        })?;
        list.push((parsed, value));
    }
    Ok(list)
}
