//! Rules and warnings about security contexts.

use super::{INIT, check, container, hinted, init, stock};
use crate::admission::Verb;
use crate::admission::testing::{judge, policy};
use crate::api::revision::Revision;

const ADD: &str = "kubernetes.containerspec-addcapabilities";
const POD: &str = "kubernetes.podspec-securitycontext";
const AT: &str = "spec.containers[0].securityContext";

fn secure(fields: &str) -> String {
    container(&format!("securityContext: {{{fields}}}"))
}

fn pod(fields: &str) -> String {
    format!("{{securityContext: {{{fields}}}, containers: [{{image: shop}}]}}")
}

#[test]
fn api_7_4_security_contexts_of_containers() {
    for good in [
        "",
        "privileged: false",
        "capabilities: {drop: [ALL, CHOWN]}",
        "readOnlyRootFilesystem: true, runAsNonRoot: false, allowPrivilegeEscalation: true",
        "runAsUser: 0, runAsGroup: 2147483647",
        "seccompProfile: {type: Localhost, localhostProfile: x}",
    ] {
        stock(&secure(good), "");
    }
    for (fields, name) in [
        ("privileged: true", "privileged"),
        ("seLinuxOptions: {}", "seLinuxOptions"),
        ("procMount: Default", "procMount"),
        ("windowsOptions: {}", "windowsOptions"),
        ("appArmorProfile: {type: Unconfined}", "appArmorProfile"),
    ] {
        stock(
            &secure(fields),
            &format!("must not set the field(s): {AT}.{name}"),
        );
    }
    for (fields, want) in [
        (
            "runAsUser: -1",
            format!("expected 0 <= -1 <= 2147483647: {AT}.runAsUser"),
        ),
        (
            "runAsGroup: 2147483648",
            format!("expected 0 <= 2147483648 <= 2147483647: {AT}.runAsGroup"),
        ),
    ] {
        stock(&secure(fields), &want);
        check(
            &[INIT],
            &init(&format!("securityContext: {{{fields}}}")),
            &want,
        );
    }
}

#[test]
fn api_7_4_capabilities() {
    let text = format!("must not set the field(s): {AT}.capabilities.add");
    let low = secure("capabilities: {add: [NET_BIND_SERVICE]}");
    let two = secure("capabilities: {add: [NET_BIND_SERVICE, CHOWN]}");
    // An oddity: Allowed allows nothing.
    for features in [vec![], vec![(ADD, "Allowed")]] {
        check(&features, &low, &hinted(&text, ADD));
        check(&features, &two, &hinted(&text, ADD));
    }
    for mode in ["Enabled", "AllowRootBounded"] {
        let features = [("secure-pod-defaults", mode)];
        check(&features, &low, "");
        check(&features, &two, &hinted(&text, ADD));
    }
    check(&[(ADD, "Enabled")], &two, "");
    // An oddity: this flag does not know the word.
    check(
        &[("secure-pod-defaults", "Allowed")],
        &low,
        &hinted(&text, ADD),
    );
}

#[test]
fn api_7_4_security_contexts_of_pods() {
    let fields = [
        "runAsUser: 1",
        "runAsGroup: 0",
        "runAsNonRoot: false",
        "fsGroup: 1",
        "supplementalGroups: [1]",
        "seccompProfile: {type: Localhost, localhostProfile: x}",
    ];
    for field in fields {
        let (name, _) = field.split_once(':').unwrap();
        let text =
            format!("must not set the field(s): spec.securityContext, spec.securityContext.{name}");
        stock(&pod(field), &hinted(&text, POD));
        let text = format!("must not set the field(s): spec.securityContext.{name}");
        check(
            &[("secure-pod-defaults", "Enabled")],
            &pod(field),
            &hinted(&text, POD),
        );
        for word in ["Enabled", "Allowed"] {
            check(&[(POD, word)], &pod(field), "");
        }
    }
    for kind in ["RuntimeDefault", "Unconfined"] {
        let profile = pod(&format!("seccompProfile: {{type: {kind}}}"));
        for mode in ["Enabled", "AllowRootBounded"] {
            check(&[("secure-pod-defaults", mode)], &profile, "");
        }
    }
}

#[test]
fn api_7_4_some_fields_of_a_pods_context_are_never_allowed() {
    for field in [
        "seLinuxOptions: {}",
        "windowsOptions: {}",
        "sysctls: [{name: a, value: b}]",
        "fsGroupChangePolicy: Always",
        "appArmorProfile: {type: Unconfined}",
        "supplementalGroupsPolicy: Strict",
        "seLinuxChangePolicy: Recursive",
    ] {
        let (name, _) = field.split_once(':').unwrap();
        let text = format!("must not set the field(s): spec.securityContext.{name}");
        check(&[(POD, "Enabled")], &pod(field), &text);
        check(&[("secure-pod-defaults", "Enabled")], &pod(field), &text);
    }
}

#[test]
fn api_7_4_ids_of_pods_have_a_range() {
    let on = [(POD, "Enabled")];
    let at = "spec.securityContext";
    for (fields, want) in [
        (
            "runAsUser: -1",
            format!("expected 0 <= -1 <= 2147483647: {at}.runAsUser"),
        ),
        (
            "runAsGroup: -1",
            format!("expected 0 <= -1 <= 2147483647: {at}.runAsGroup"),
        ),
        (
            "fsGroup: 2147483648",
            format!("expected 0 <= 2147483648 <= 2147483647: {at}.fsGroup"),
        ),
        (
            "supplementalGroups: [1, -1]",
            format!("expected 0 <= -1 <= 2147483647: {at}.supplementalGroups[1]"),
        ),
        ("supplementalGroups: [0, 2147483647]", String::new()),
    ] {
        check(&on, &pod(fields), &want);
    }
}

/// The warnings about a new Revision with this spec.
fn warnings(features: &[(&str, &str)], spec: &str) -> String {
    let yaml = format!("{{metadata: {{name: a}}, spec: {spec}}}");
    let findings = judge::<Revision>(&yaml, None, &policy(features), Verb::Create);
    findings.part().1.to_string()
}

const WEAK: &str =
    "Kubernetes default value is insecure, Knative may default this to secure in a future release";

#[test]
fn api_7_4_a_minimal_service_is_warned_of_four_fields() {
    let all = [
        "allowPrivilegeEscalation",
        "capabilities",
        "runAsNonRoot",
        "seccompProfile",
    ];
    let paths = |at: &str| {
        all.map(|name| format!("{at}.securityContext.{name}"))
            .join(", ")
    };
    assert_eq!(
        warnings(&[], "{containers: [{image: shop}]}"),
        format!("{WEAK}: {}", paths("spec.containers[0]"))
    );
    // Also where the fields are refused.
    assert_eq!(
        warnings(&[], &init("")),
        format!(
            "{WEAK}: {}, {}",
            paths("spec.containers[0]"),
            paths("spec.initContainers[0]")
        )
    );
    for mode in ["Enabled", "AllowRootBounded"] {
        assert_eq!(
            warnings(
                &[("secure-pod-defaults", mode)],
                "{containers: [{image: shop}]}"
            ),
            ""
        );
    }
}

#[test]
fn api_7_4_warnings_name_what_is_weak() {
    let secure = [
        "runAsNonRoot: true",
        "allowPrivilegeEscalation: false",
        "seccompProfile: {type: RuntimeDefault}",
        "capabilities: {drop: [ALL]}",
    ];
    let check = |instead: usize, field: &str, want: &str| {
        let mut fields = secure;
        fields[instead] = field;
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|field| !field.is_empty())
            .collect();
        let spec = container(&format!("securityContext: {{{}}}", fields.join(", ")));
        let want = if want.is_empty() {
            String::new()
        } else {
            format!("{WEAK}: spec.containers[0].securityContext.{want}")
        };
        assert_eq!(warnings(&[], &spec), want, "{field}");
    };
    check(0, "runAsNonRoot: false", "");
    check(0, "", "runAsNonRoot");
    check(1, "allowPrivilegeEscalation: true", "");
    check(1, "", "allowPrivilegeEscalation");
    check(2, "seccompProfile: {type: Unconfined}", "");
    check(2, "", "seccompProfile");
    check(2, "seccompProfile: {}", "seccompProfile.type");
    check(3, "capabilities: {drop: [CHOWN]}", "");
    check(3, "", "capabilities");
    check(3, "capabilities: {}", "capabilities.drop");
    check(3, "capabilities: {add: [CHOWN]}", "capabilities.drop");

    let lower = format!(
        "{}, {}, {}, capabilities: {{drop: [all]}}",
        secure[0], secure[1], secure[2]
    );
    assert_eq!(
        warnings(&[], &container(&format!("securityContext: {{{lower}}}"))),
        "invalid value: all: spec.containers[0].securityContext.capabilities.drop\nMust be spelled as 'ALL'"
    );
}

#[test]
fn api_7_4_the_pods_context_counts() {
    let spec = |context: &str| {
        format!(
            "{{securityContext: {{{context}}}, containers: [{{image: shop, securityContext: {{allowPrivilegeEscalation: false, \
             capabilities: {{drop: [ALL]}}}}}}]}}"
        )
    };
    let on = [(POD, "Enabled")];
    let at = "spec.containers[0].securityContext";
    assert_eq!(
        warnings(
            &on,
            &spec("runAsNonRoot: false, seccompProfile: {type: Unconfined}")
        ),
        ""
    );
    assert_eq!(
        warnings(&on, &spec("seccompProfile: {}")),
        format!("{WEAK}: {at}.runAsNonRoot, {at}.seccompProfile.type")
    );
}
