//! Removes what is said twice.
//!
//! Users may repeat a variable, a pull secret or a host alias, and Kubernetes has a meaning for each. Server-side apply,
//! however, tells list entries apart by these very names and refuses a list in which one occurs twice. So repetitions
//! are resolved here as Kubernetes would resolve them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, HostAlias, PodSpec};

pub(super) fn resolve(pod: &mut PodSpec) {
    for container in pod
        .containers
        .iter_mut()
        .chain(pod.init_containers.iter_mut().flatten())
    {
        variables(container);
    }
    if let Some(secrets) = &mut pod.image_pull_secrets {
        let mut seen = BTreeSet::new();
        secrets.retain(|secret| seen.insert(secret.name.clone()));
    }
    if let Some(aliases) = &mut pod.host_aliases {
        join(aliases);
    }
}

/// The last one of a name is the one that the process gets to see.
fn variables(container: &mut Container) {
    let Some(env) = &mut container.env else {
        return;
    };
    let mut seen = BTreeSet::new();
    env.reverse();
    env.retain(|variable| seen.insert(variable.name.clone()));
    env.reverse();
}

/// All names of one address end up in one line of the hosts file.
fn join(aliases: &mut Vec<HostAlias>) {
    let mut joined: Vec<HostAlias> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for alias in aliases.drain(..) {
        match places.get(&alias.ip) {
            Some(&at) => {
                let names = joined[at].hostnames.get_or_insert_default();
                names.extend(alias.hostnames.unwrap_or_default());
            }
            None => {
                places.insert(alias.ip.clone(), joined.len());
                joined.push(alias);
            }
        }
    }
    *aliases = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_left_once_with_the_meaning_it_had() {
        let mut pod: PodSpec = serde_yaml_ng::from_str(
            "
imagePullSecrets: [{name: a}, {name: b}, {name: a}]
hostAliases: [{ip: 1.1.1.1, hostnames: [x]}, {ip: 2.2.2.2, hostnames: [y]}, {ip: 1.1.1.1, hostnames: [z]}]
containers: [{name: c, env: [{name: A, value: '1'}, {name: B, value: '2'}, {name: A, value: '3'}]}]
",
        )
        .unwrap();
        resolve(&mut pod);
        let want: PodSpec = serde_yaml_ng::from_str(
            "
imagePullSecrets: [{name: a}, {name: b}]
hostAliases: [{ip: 1.1.1.1, hostnames: [x, z]}, {ip: 2.2.2.2, hostnames: [y]}]
containers: [{name: c, env: [{name: B, value: '2'}, {name: A, value: '3'}]}]
",
        )
        .unwrap();
        assert_eq!(pod, want);
    }
}
