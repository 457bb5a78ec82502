//! Facts about the cluster that a process reads from its surroundings.

/// Where pods find their resolver configuration.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

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
        .map_or("cluster.local", |domain| {
            domain.strip_suffix('.').unwrap_or(domain)
        })
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn the_domain_comes_from_the_setting_the_resolver_or_the_default() {
        let resolv =
            "nameserver 10.0.0.10\nsearch ns.svc.example.org. svc.example.org. example.org\n";
        assert_eq!(domain(None, resolv), "example.org");
        assert_eq!(domain(Some("corp.local"), resolv), "corp.local");
        assert_eq!(domain(Some(""), "search lan\n"), "cluster.local");
        assert_eq!(domain(None, ""), "cluster.local");
    }
}
