//! What the users of a cluster may do with our kinds: additions to the built-in admin, edit and view roles, and roles
//! for add-ons that look for objects by label.

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use super::rbac::{cluster_role, rule};

const READ: &[&str] = &["get", "list", "watch"];

/// Groups whose objects are made by the system; users only look at them.
const INTERNAL: [&str; 3] = [
    "networking.internal.knative.dev",
    "autoscaling.internal.knative.dev",
    "caching.internal.knative.dev",
];

const SERVING: &str = "serving.knative.dev";
const ADDRESSABLE: &str = "duck.knative.dev/addressable";

/// All roles for users.
pub(super) fn all() -> Vec<ClusterRole> {
    let edit = ["create", "update", "patch", "delete"];
    let mut resolver = labelled(
        "knative-serving-aggregated-addressable-resolver",
        ADDRESSABLE,
        Vec::new(),
    );
    resolver.rules = None;
    resolver.aggregation_rule = Some(k8s_openapi::api::rbac::v1::AggregationRule {
        cluster_role_selectors: Some(vec![
            k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector {
                match_labels: Some(super::labels::map([(ADDRESSABLE, "true")])),
                ..Default::default()
            },
        ]),
    });
    // The aggregate must not select itself.
    if let Some(labels) = &mut resolver.metadata.labels {
        labels.remove(ADDRESSABLE);
    }
    vec![
        labelled(
            "knative-serving-namespaced-admin",
            "rbac.authorization.k8s.io/aggregate-to-admin",
            with_internal(rule(SERVING, &["*"], &["*"])),
        ),
        labelled(
            "knative-serving-namespaced-edit",
            "rbac.authorization.k8s.io/aggregate-to-edit",
            with_internal(rule(SERVING, &["*"], &edit)),
        ),
        labelled(
            "knative-serving-namespaced-view",
            "rbac.authorization.k8s.io/aggregate-to-view",
            with_internal(rule(SERVING, &["*"], READ)),
        ),
        resolver,
        labelled(
            "knative-serving-addressable-resolver",
            ADDRESSABLE,
            vec![rule(
                SERVING,
                &["routes", "routes/status", "services", "services/status"],
                READ,
            )],
        ),
        labelled(
            "knative-serving-podspecable-binding",
            "duck.knative.dev/podspecable",
            vec![rule(
                SERVING,
                &["configurations", "services"],
                &["list", "watch", "patch"],
            )],
        ),
    ]
}

fn labelled(name: &str, label: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    let mut role = cluster_role(name, "controller", rules);
    role.metadata
        .labels
        .get_or_insert_default()
        .insert(label.to_owned(), "true".to_owned());
    role
}

fn with_internal(serving: PolicyRule) -> Vec<PolicyRule> {
    let mut rules = vec![serving];
    rules.extend(INTERNAL.map(|group| rule(group, &["*"], READ)));
    rules
}
