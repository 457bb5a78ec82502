//! What each program may do. One service account a program, with no more than that program needs.
//!
//! The controller's role is an aggregate: whoever extends it (a certificate or networking add-on) adds a ClusterRole
//! with the label below, and need not touch ours.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef,
    Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::labels;
use super::settings::NAMESPACE;

/// ClusterRoles with this label (and the value `true`) become part of the controller's role.
const CONTROLLER_AGGREGATE: &str = "serving.knative.dev/controller";

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &[
    "get", "list", "watch", "create", "update", "patch", "delete",
];

const SERVING: &str = "serving.knative.dev";
const NETWORKING: &str = "networking.internal.knative.dev";
const AUTOSCALING: &str = "autoscaling.internal.knative.dev";
const CACHING: &str = "caching.internal.knative.dev";

/// The programs that talk to the API server.
const ACCOUNTS: [&str; 5] = [
    "activator",
    "autoscaler",
    "controller",
    "gateway",
    "webhook",
];

pub(super) fn service_accounts() -> Vec<ServiceAccount> {
    ACCOUNTS
        .into_iter()
        .map(|name| ServiceAccount {
            metadata: labels::namespaced(name, name),
            ..Default::default()
        })
        .collect()
}

pub(super) fn cluster_roles() -> Vec<ClusterRole> {
    let mut admin = cluster_role("knative-serving-admin", "controller", Vec::new());
    admin.aggregation_rule = Some(AggregationRule {
        cluster_role_selectors: Some(vec![LabelSelector {
            match_labels: Some(labels::map([(CONTROLLER_AGGREGATE, "true")])),
            ..Default::default()
        }]),
    });
    // The API server fills in the rules of an aggregate; to state any would be to fight it.
    admin.rules = None;

    let mut core = cluster_role("knative-serving-core", "controller", controller());
    core.metadata
        .labels
        .get_or_insert_default()
        .insert(CONTROLLER_AGGREGATE.to_owned(), "true".to_owned());

    vec![
        admin,
        core,
        cluster_role("knative-serving-activator", "activator", activator()),
        cluster_role("knative-serving-autoscaler", "autoscaler", autoscaler()),
        cluster_role("knative-serving-gateway", "gateway", gateway()),
        cluster_role("knative-serving-webhook", "webhook", webhook()),
    ]
}

pub(super) fn cluster_role_bindings() -> Vec<ClusterRoleBinding> {
    ACCOUNTS
        .into_iter()
        .map(|account| {
            let role = match account {
                "controller" => "knative-serving-admin".to_owned(),
                other => format!("knative-serving-{other}"),
            };
            ClusterRoleBinding {
                metadata: labels::cluster_wide(&format!("knative-serving-{account}"), account),
                role_ref: role_ref("ClusterRole", role),
                subjects: Some(vec![subject(account)]),
            }
        })
        .collect()
}

/// What all programs may do inside the system namespace: read the configuration, elect a leader.
pub(super) fn roles() -> Vec<Role> {
    vec![Role {
        metadata: labels::namespaced("knative-serving-system", "controller"),
        rules: Some(vec![
            rule("", &["configmaps", "endpoints", "pods", "services"], READ),
            rule("discovery.k8s.io", &["endpointslices"], READ),
            rule("coordination.k8s.io", &["leases"], WRITE),
            rule("", &["events"], &["create", "patch"]),
        ]),
    }]
}

/// What the webhook alone may do there: keep its certificate.
pub(super) fn webhook_role() -> Role {
    Role {
        metadata: labels::namespaced("knative-serving-webhook", "webhook"),
        rules: Some(vec![rule(
            "",
            &["secrets"],
            &["get", "list", "watch", "update", "patch"],
        )]),
    }
}

pub(super) fn role_bindings() -> Vec<RoleBinding> {
    vec![
        RoleBinding {
            metadata: labels::namespaced("knative-serving-system", "controller"),
            role_ref: role_ref("Role", "knative-serving-system".to_owned()),
            subjects: Some(ACCOUNTS.into_iter().map(subject).collect()),
        },
        RoleBinding {
            metadata: labels::namespaced("knative-serving-webhook", "webhook"),
            role_ref: role_ref("Role", "knative-serving-webhook".to_owned()),
            subjects: Some(vec![subject("webhook")]),
        },
    ]
}

fn controller() -> Vec<PolicyRule> {
    vec![
        rule(SERVING, &["*", "*/status", "*/finalizers"], &["*"]),
        rule(NETWORKING, &["*", "*/status", "*/finalizers"], &["*"]),
        rule(AUTOSCALING, &["*", "*/status", "*/finalizers"], &["*"]),
        rule(CACHING, &["images"], WRITE),
        rule(
            "",
            &[
                "pods",
                "namespaces",
                "secrets",
                "configmaps",
                "serviceaccounts",
            ],
            READ,
        ),
        rule("", &["services", "endpoints"], WRITE),
        // Writing addresses into slices or Endpoints of one's own takes a permission beside the verbs.
        rule("", &["endpoints/restricted"], &["create"]),
        rule("discovery.k8s.io", &["endpointslices"], WRITE),
        rule(
            "discovery.k8s.io",
            &["endpointslices/restricted"],
            &["create"],
        ),
        rule("", &["events"], &["create", "patch"]),
        rule("apps", &["deployments", "deployments/finalizers"], WRITE),
        rule("autoscaling", &["horizontalpodautoscalers"], WRITE),
    ]
}

fn activator() -> Vec<PolicyRule> {
    vec![
        rule(SERVING, &["revisions"], READ),
        rule(NETWORKING, &["serverlessservices"], READ),
        rule("", &["services", "endpoints", "pods"], READ),
        rule("discovery.k8s.io", &["endpointslices"], READ),
    ]
}

fn autoscaler() -> Vec<PolicyRule> {
    vec![
        rule(AUTOSCALING, &["*", "*/status", "*/finalizers"], WRITE),
        rule(NETWORKING, &["serverlessservices"], WRITE),
        rule(SERVING, &["revisions"], READ),
        rule("apps", &["deployments"], READ),
        // Whatever a PodAutoscaler points at is scaled through its scale subresource.
        rule("*", &["*/scale"], &["get", "update", "patch"]),
        rule("autoscaling", &["horizontalpodautoscalers"], WRITE),
        rule("", &["pods", "services", "endpoints"], READ),
        rule("discovery.k8s.io", &["endpointslices"], READ),
        rule("", &["events"], &["create", "patch"]),
    ]
}

fn gateway() -> Vec<PolicyRule> {
    vec![
        rule(NETWORKING, &["ingresses"], READ),
        rule(NETWORKING, &["ingresses/status"], &["update", "patch"]),
        // Certificates named by an Ingress may lie in any namespace.
        rule("", &["services", "secrets"], READ),
        rule("discovery.k8s.io", &["endpointslices"], READ),
        rule("", &["events"], &["create", "patch"]),
    ]
}

fn webhook() -> Vec<PolicyRule> {
    vec![
        rule(
            "admissionregistration.k8s.io",
            &[
                "mutatingwebhookconfigurations",
                "validatingwebhookconfigurations",
            ],
            &["get", "list", "watch", "update", "patch"],
        ),
        // The configurations are owned by the namespace, so that they go with it.
        rule(
            "",
            &["namespaces", "namespaces/finalizers"],
            &["get", "update"],
        ),
        // A server-side dry run of a service is a dry run of its pod.
        rule("", &["pods"], &["create"]),
        rule(
            SERVING,
            &["configurations", "revisions", "services", "routes"],
            &["get", "list"],
        ),
    ]
}

/// A ClusterRole of ours.
pub(super) fn cluster_role(name: &str, component: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    ClusterRole {
        metadata: labels::cluster_wide(name, component),
        rules: Some(rules),
        ..Default::default()
    }
}

/// Permission for `verbs` on `resources` of one API group.
pub(super) fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let strings = |items: &[&str]| {
        items
            .iter()
            .map(|&item| item.to_owned())
            .collect::<Vec<_>>()
    };
    PolicyRule {
        api_groups: Some(strings(&[group])),
        resources: Some(strings(resources)),
        verbs: strings(verbs),
        ..Default::default()
    }
}

fn role_ref(kind: &str, name: String) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name,
    }
}

fn subject(account: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: account.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        ..Default::default()
    }
}
