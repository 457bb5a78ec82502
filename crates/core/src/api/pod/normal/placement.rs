//! Where a pod may run, in the form in which upstream writes it.

use k8s_openapi::api::core::v1::{
    Affinity, NodeSelectorTerm, PodAffinityTerm, Toleration, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::wire::omit;

pub(super) fn affinity(affinity: &mut Affinity) {
    if let Some(nodes) = &mut affinity.node_affinity {
        let preferred = &mut nodes.preferred_during_scheduling_ignored_during_execution;
        for term in preferred.iter_mut().flatten() {
            node_term(&mut term.preference);
        }
        omit(preferred);
        let required = &mut nodes.required_during_scheduling_ignored_during_execution;
        if let Some(selector) = required {
            selector.node_selector_terms.iter_mut().for_each(node_term);
        }
    }
    if let Some(near) = &mut affinity.pod_affinity {
        pod_terms(
            &mut near.preferred_during_scheduling_ignored_during_execution,
            &mut near.required_during_scheduling_ignored_during_execution,
        );
    }
    if let Some(far) = &mut affinity.pod_anti_affinity {
        pod_terms(
            &mut far.preferred_during_scheduling_ignored_during_execution,
            &mut far.required_during_scheduling_ignored_during_execution,
        );
    }
}

fn node_term(term: &mut NodeSelectorTerm) {
    for list in [&mut term.match_expressions, &mut term.match_fields] {
        for requirement in list.iter_mut().flatten() {
            omit(&mut requirement.values);
        }
        omit(list);
    }
}

fn pod_terms(
    preferred: &mut Option<Vec<WeightedPodAffinityTerm>>,
    required: &mut Option<Vec<PodAffinityTerm>>,
) {
    for weighted in preferred.iter_mut().flatten() {
        pod_term(&mut weighted.pod_affinity_term);
    }
    required.iter_mut().flatten().for_each(pod_term);
    omit(preferred);
    omit(required);
}

fn pod_term(term: &mut PodAffinityTerm) {
    for of in [&mut term.label_selector, &mut term.namespace_selector] {
        of.iter_mut().for_each(selector);
    }
    omit(&mut term.match_label_keys);
    omit(&mut term.mismatch_label_keys);
    omit(&mut term.namespaces);
}

pub(super) fn toleration(toleration: &mut Toleration) {
    for text in [
        &mut toleration.effect,
        &mut toleration.key,
        &mut toleration.operator,
        &mut toleration.value,
    ] {
        omit(text);
    }
}

pub(super) fn spread(constraint: &mut TopologySpreadConstraint) {
    constraint.label_selector.iter_mut().for_each(selector);
    omit(&mut constraint.match_label_keys);
}

/// A selector without anything in it stays: it selects all.
pub(super) fn selector(selector: &mut LabelSelector) {
    for requirement in selector.match_expressions.iter_mut().flatten() {
        omit(&mut requirement.values);
    }
    omit(&mut selector.match_expressions);
    omit(&mut selector.match_labels);
}
