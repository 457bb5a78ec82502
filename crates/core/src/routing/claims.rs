//! Who owns a host. Two Ingresses may ask for the same one; the older gets all of its hosts, the younger gets none.
//!
//! The answer depends on the objects alone, not on the order in which they were seen, so that every replica of the
//! gateway comes to the same one without asking the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Identifies a claimant; smaller means older and stronger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claimant {
    /// Creation time in seconds since 1970: what Kubernetes keeps of it.
    pub created: i64,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

/// Whether a claimant gets its hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Granted,
    /// An older claimant holds one of the hosts.
    Refused {
        host: Arc<str>,
        holder: Claimant,
    },
}

/// All claims. Changing one costs in proportion to the claimants it shares hosts with, directly or through others.
#[derive(Debug, Default)]
pub struct Claims {
    hosts_of: HashMap<Claimant, Vec<Arc<str>>>,
    claimants_of: HashMap<Arc<str>, BTreeSet<Claimant>>,
    standing: HashMap<Claimant, Standing>,
}

impl Claims {
    /// Replaces a claimant's hosts (none: it gives up) and returns every claimant whose standing was decided anew
    /// with a different outcome, the claimant itself included if its standing is new or changed.
    pub fn set(&mut self, claimant: &Claimant, hosts: Vec<Arc<str>>) -> Vec<Claimant> {
        let mut affected = self.rivals(claimant);
        for host in self.hosts_of.remove(claimant).unwrap_or_default() {
            if let Some(claimants) = self.claimants_of.get_mut(&host) {
                claimants.remove(claimant);
                if claimants.is_empty() {
                    self.claimants_of.remove(&host);
                }
            }
        }
        if hosts.is_empty() {
            self.standing.remove(claimant);
            affected.remove(claimant);
        } else {
            for host in &hosts {
                self.claimants_of
                    .entry(host.clone())
                    .or_default()
                    .insert(claimant.clone());
            }
            self.hosts_of.insert(claimant.clone(), hosts);
            affected.extend(self.rivals(claimant));
        }
        self.decide(affected)
    }

    /// Whether the claimant has its hosts; `None` if it never asked.
    pub fn standing(&self, claimant: &Claimant) -> Option<&Standing> {
        self.standing.get(claimant)
    }

    /// The claimant and everyone who shares a host with it, or with one of those, and so on.
    fn rivals(&self, claimant: &Claimant) -> BTreeSet<Claimant> {
        let mut found = BTreeSet::from([claimant.clone()]);
        let mut open = vec![claimant.clone()];
        while let Some(next) = open.pop() {
            for host in self.hosts_of.get(&next).into_iter().flatten() {
                for rival in self.claimants_of.get(host).into_iter().flatten() {
                    if found.insert(rival.clone()) {
                        open.push(rival.clone());
                    }
                }
            }
        }
        found
    }

    /// Oldest first, each gets its hosts unless one of them is taken. `affected` is closed under sharing a host.
    fn decide(&mut self, affected: BTreeSet<Claimant>) -> Vec<Claimant> {
        let mut holders: BTreeMap<Arc<str>, Claimant> = BTreeMap::new();
        let mut changed = Vec::new();
        for claimant in affected {
            let hosts = self
                .hosts_of
                .get(&claimant)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let taken = hosts
                .iter()
                .find_map(|host| Some((host.clone(), holders.get(host)?.clone())));
            let standing = match taken {
                Some((host, holder)) => Standing::Refused { host, holder },
                None => {
                    holders.extend(hosts.iter().map(|host| (host.clone(), claimant.clone())));
                    Standing::Granted
                }
            };
            let before = self.standing.insert(claimant.clone(), standing.clone());
            if before != Some(standing) {
                changed.push(claimant);
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claimant(age: i64) -> Claimant {
        Claimant {
            created: age,
            namespace: "ns".into(),
            name: format!("i{age}").into(),
        }
    }

    fn hosts(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn granted(claims: &Claims, age: i64) -> bool {
        claims.standing(&claimant(age)) == Some(&Standing::Granted)
    }

    #[test]
    fn the_older_keeps_the_host_and_the_younger_gets_it_when_it_is_free() {
        let mut claims = Claims::default();
        claims.set(&claimant(2), hosts(&["a", "b"]));
        assert!(granted(&claims, 2));
        assert_eq!(claims.set(&claimant(3), hosts(&["b"])), [claimant(3)]);
        let refused = Standing::Refused {
            host: "b".into(),
            holder: claimant(2),
        };
        assert_eq!(claims.standing(&claimant(3)), Some(&refused));
        assert_eq!(claims.set(&claimant(2), Vec::new()), [claimant(3)]);
        assert!(granted(&claims, 3));
    }

    #[test]
    fn a_refused_claimant_holds_none_of_its_hosts() {
        let mut claims = Claims::default();
        claims.set(&claimant(1), hosts(&["a"]));
        claims.set(&claimant(2), hosts(&["a", "b"]));
        claims.set(&claimant(3), hosts(&["b"]));
        assert!(!granted(&claims, 2));
        assert!(granted(&claims, 3));
    }

    #[test]
    fn setting_the_same_hosts_again_changes_nothing() {
        let mut claims = Claims::default();
        claims.set(&claimant(1), hosts(&["a"]));
        assert!(claims.set(&claimant(1), hosts(&["a"])).is_empty());
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            steps in prop::collection::vec((0i64..6, prop::collection::btree_set("[a-e]", 0..4)), 1..40),
        ) {
            let mut arrived = Claims::default();
            let mut last = BTreeMap::new();
            for (age, names) in steps {
                let names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
                arrived.set(&claimant(age), names.clone());
                last.insert(age, names);
            }
            let mut in_order = Claims::default();
            for (age, names) in &last {
                in_order.set(&claimant(*age), names.clone());
            }
            for age in last.keys() {
                prop_assert_eq!(arrived.standing(&claimant(*age)), in_order.standing(&claimant(*age)));
            }
            // Nobody shares a host with another holder.
            let mut seen = BTreeSet::new();
            for (age, names) in &last {
                if granted(&arrived, *age) {
                    for name in names {
                        prop_assert!(seen.insert(name.clone()));
                    }
                }
            }
        }
    }
}
