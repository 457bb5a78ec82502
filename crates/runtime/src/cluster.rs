//! Facts about the cluster that a process reads from its surroundings.

/// Where pods find their resolver configuration.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What a cluster's DNS domain is unless something says otherwise.
const DEFAULT_DOMAIN: &str = "cluster.local";

/// The cluster's DNS domain, from `configured` (env `CLUSTER_DOMAIN`) and this pod's resolver configuration. When that
/// cannot be read, `cluster.local` holds, whatever is configured: so it is upstream.
pub fn detect(configured: Option<&str>) -> String {
    match std::fs::read_to_string(RESOLV_CONF) {
        Ok(resolv_conf) => domain(configured, &resolv_conf),
        Err(error) => {
            tracing::warn!(%error, "cannot read {RESOLV_CONF}; the cluster's domain is taken for {DEFAULT_DOMAIN}");
            DEFAULT_DOMAIN.to_owned()
        }
    }
}

/// The cluster's DNS domain: `configured` (env `CLUSTER_DOMAIN`), else the first search domain of `resolv_conf` that
/// begins with `svc.`, without that and without a final dot, else `cluster.local`.
pub fn domain(configured: Option<&str>, resolv_conf: &str) -> String {
    if let Some(domain) = configured.filter(|domain| !domain.is_empty()) {
        return domain.to_owned();
    }
    let search = resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("search"));
    search
        .flat_map(str::split_ascii_whitespace)
        .find_map(|domain| domain.strip_prefix("svc."))
        .map_or(DEFAULT_DOMAIN, |domain| {
            domain.strip_suffix('.').unwrap_or(domain)
        })
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn config_15_the_domain_comes_from_the_setting_the_resolver_or_the_default() {
        let resolv =
            "nameserver 10.0.0.10\nsearch ns.svc.example.org. svc.example.org. example.org\n";
        assert_eq!(domain(None, resolv), "example.org");
        assert_eq!(domain(Some("corp.local"), resolv), "corp.local");
        assert_eq!(domain(Some(""), "search lan\n"), "cluster.local");
        assert_eq!(domain(None, ""), "cluster.local");
    }
}
