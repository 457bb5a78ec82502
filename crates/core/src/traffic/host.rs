//! Host names of a Route: which names answer, inside the cluster and outside, and which URL is shown.
//!
//! A Route has one host for everything (the empty tag) and one for each tag. This module renders names from the
//! operator's templates; it neither looks at placeholder Services nor decides what a host serves.

use std::collections::BTreeMap;

use crate::config::network::{DomainFields, Network};

/// Who may reach a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Cluster,
    World,
}

/// What names are made of.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    pub route: &'a str,
    pub namespace: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub annotations: &'a BTreeMap<String, String>,
    /// The base domain that `config-domain` gives for the labels.
    pub domain: &'a str,
    /// As in `svc.<cluster domain>`, for example `cluster.local`.
    pub cluster_domain: &'a str,
    /// Holds the operator's templates.
    pub network: &'a Network,
}

/// A name that cannot be made; the text is the Route's condition message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("domain name error: error executing the DomainTemplate: {0}")]
    DomainTemplate(crate::template::Error),
    #[error("domain name error: error executing the TagTemplate: {0}")]
    TagTemplate(crate::template::Error),
    #[error("domain name error: invalid domain name {name:?}: {reason}")]
    Invalid { name: String, reason: &'static str },
}

/// The names of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// First label of the local host, and the name of the placeholder Service.
    pub name: String,
    pub reach: Reach,
    /// `<name>.<namespace>.svc.<cluster domain>`.
    pub local: String,
    /// The name under which the host is shown: the public one, or `local` when it is private.
    pub shown: String,
}

impl Host {
    /// Every spelling under which pods reach the host, sorted.
    pub fn local_names(&self, cluster_domain: &str) -> Vec<String> {
        spellings(&self.local, cluster_domain)
    }
}

/// The name of a tag's host; the empty tag has the route's name.
///
/// # Errors
/// [`Error::TagTemplate`] when the operator's template cannot be rendered.
pub fn name(tag: &str, naming: &Naming<'_>) -> Result<String, Error> {
    if tag.is_empty() {
        return Ok(naming.route.to_owned());
    }
    naming
        .network
        .tag_label(tag, naming.route)
        .map_err(Error::TagTemplate)
}

/// All names of a tag whose placeholder is already known to be private or not.
///
/// # Errors
/// When a template fails, or makes something that is no domain name.
pub fn host(tag: &str, reach: Reach, naming: &Naming<'_>) -> Result<Host, Error> {
    let name = name(tag, naming)?;
    let local = format!("{name}.{}.svc.{}", naming.namespace, naming.cluster_domain);
    let shown = match reach {
        Reach::Cluster => local.clone(),
        Reach::World => public(&name, naming)?,
    };
    for candidate in [&local, &shown] {
        check(candidate)?;
    }
    Ok(Host {
        name,
        reach,
        local,
        shown,
    })
}

fn public(name: &str, naming: &Naming<'_>) -> Result<String, Error> {
    let Naming {
        namespace,
        labels,
        annotations,
        domain,
        network,
        ..
    } = *naming;
    network
        .host(DomainFields {
            name,
            namespace,
            domain,
            annotations,
            labels,
        })
        .map_err(Error::DomainTemplate)
}

/// A DNS-1123 subdomain with at least two labels.
fn check(name: &str) -> Result<(), Error> {
    let invalid = |reason| {
        Err(Error::Invalid {
            name: name.to_owned(),
            reason,
        })
    };
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|c| letter(*c) || *c == b'-')
            && letter(bytes[0])
            && letter(bytes[bytes.len() - 1])
    };
    if name.len() > 253 {
        return invalid("must be no more than 253 characters");
    }
    if !name.split('.').all(is_label) {
        return invalid("labels must be 1 to 63 lower case alphanumeric characters or '-'");
    }
    if !name.contains('.') {
        return invalid("should be a domain with at least two segments separated by dots");
    }
    Ok(())
}

/// The shorter forms of `<name>.<namespace>.svc.<cluster domain>` that resolve through a pod's search list.
///
/// A form is left out when its last label is longer than 63 characters or a mere number: neither is a host name.
pub fn spellings(host: &str, cluster_domain: &str) -> Vec<String> {
    let mut names = vec![host.to_owned()];
    for suffix in [
        format!(".{cluster_domain}"),
        format!(".svc.{cluster_domain}"),
    ] {
        if host.ends_with(&format!(".svc.{cluster_domain}")) {
            names.extend(host.strip_suffix(&suffix).map(str::to_owned));
        }
    }
    names.retain(|name| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last.len() <= 63 && !last.bytes().all(|c| c.is_ascii_digit())
    });
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    const NONE: &BTreeMap<String, String> = &BTreeMap::new();

    fn network(domain_template: &str, tag_template: &str) -> Network {
        Network {
            domain_template: Template::parse(domain_template).unwrap(),
            tag_template: Template::parse(tag_template).unwrap(),
            ..Network::default()
        }
    }

    fn naming(network: &Network) -> Naming<'_> {
        Naming {
            route: "hello",
            namespace: "demo",
            labels: NONE,
            annotations: NONE,
            domain: "example.com",
            cluster_domain: "cluster.local",
            network,
        }
    }

    #[test]
    fn main_host_and_tag_host() {
        let main = host("", Reach::World, &naming(&Network::default())).unwrap();
        assert_eq!(
            (main.name.as_str(), main.shown.as_str()),
            ("hello", "hello.demo.example.com")
        );
        let tag = host("blue", Reach::World, &naming(&Network::default())).unwrap();
        assert_eq!(
            (tag.name.as_str(), tag.shown.as_str()),
            ("blue-hello", "blue-hello.demo.example.com")
        );
        assert_eq!(tag.local, "blue-hello.demo.svc.cluster.local");
    }

    #[test]
    fn private_host_ignores_the_operators_template() {
        let network = network("{{.Name}}-x.{{.Domain}}", "{{.Tag}}");
        assert_eq!(
            host("", Reach::Cluster, &naming(&network)).unwrap().shown,
            "hello.demo.svc.cluster.local"
        );
    }

    #[test]
    fn local_names_are_all_spellings_in_order() {
        let got = host("", Reach::World, &naming(&Network::default()))
            .unwrap()
            .local_names("cluster.local");
        assert_eq!(
            got,
            [
                "hello.demo",
                "hello.demo.svc",
                "hello.demo.svc.cluster.local"
            ]
        );
        assert_eq!(
            spellings("hello.123.svc.cluster.local", "cluster.local"),
            ["hello.123.svc", "hello.123.svc.cluster.local"]
        );
    }

    #[test]
    fn bad_names_and_templates_are_reported_for_the_condition() {
        let check = |domain_template, tag_template, want: &str| {
            let network = network(domain_template, tag_template);
            let got = host("t", Reach::World, &naming(&network))
                .unwrap_err()
                .to_string();
            assert!(got.starts_with(want), "{got}");
        };
        let tag = "{{.Tag}}-{{.Name}}";
        check(
            "{{.Name}}_.{{.Domain}}",
            tag,
            r#"domain name error: invalid domain name "t-hello_.example.com": "#,
        );
        check(
            "{{.Name}}",
            tag,
            r#"domain name error: invalid domain name "t-hello": should be a domain"#,
        );
        check(
            "{{.Foo}}",
            tag,
            "domain name error: error executing the DomainTemplate: ",
        );
        check(
            "{{.Name}}",
            "{{.Foo}}",
            "domain name error: error executing the TagTemplate: ",
        );
    }
}
