//! The columns that `kubectl get` prints.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

pub(super) fn column(name: &str, type_: &str, path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        ..Default::default()
    }
}

pub(super) fn url() -> CustomResourceColumnDefinition {
    column("URL", "string", ".status.url")
}

pub(super) fn latest_created() -> CustomResourceColumnDefinition {
    column(
        "LatestCreated",
        "string",
        ".status.latestCreatedRevisionName",
    )
}

pub(super) fn latest_ready() -> CustomResourceColumnDefinition {
    column("LatestReady", "string", ".status.latestReadyRevisionName")
}

pub(super) fn ready() -> CustomResourceColumnDefinition {
    column(
        "Ready",
        "string",
        ".status.conditions[?(@.type=='Ready')].status",
    )
}

pub(super) fn reason() -> CustomResourceColumnDefinition {
    column(
        "Reason",
        "string",
        ".status.conditions[?(@.type=='Ready')].reason",
    )
}

pub(super) fn config_name() -> CustomResourceColumnDefinition {
    column(
        "Config Name",
        "string",
        r".metadata.labels['serving\.knative\.dev/configuration']",
    )
}

pub(super) fn generation() -> CustomResourceColumnDefinition {
    column(
        "Generation",
        "string",
        r".metadata.labels['serving\.knative\.dev/configurationGeneration']",
    )
}
