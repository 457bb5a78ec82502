use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;
use crate::fake::Api;

const PATH: &str = "/api/v1/namespaces/ns/configmaps/a";

fn wish(data: &[(&str, &str)]) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some("a".into());
    map.metadata.namespace = Some("ns".into());
    let data = data
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    map.data = Some(data.collect());
    map
}

fn live(api: &Api) -> Option<ConfigMap> {
    api.object(PATH)
        .map(|object| serde_json::from_value(object).unwrap())
}

/// Applies and tells whether that wrote.
async fn apply(api: &Api, applier: &Applier, wish: &ConfigMap) -> bool {
    applier
        .apply(wish, live(api).as_ref())
        .await
        .unwrap()
        .is_written()
}

#[tokio::test]
async fn what_is_there_is_not_written_again() {
    let api = Api::new();
    let applier = Applier::new(api.client(), "ebb-test");
    assert!(apply(&api, &applier, &wish(&[("x", "1")])).await);
    let asked = api.take_asked();
    assert_eq!(asked[0].path, PATH);
    assert!(
        asked[0].query.contains("fieldManager=ebb-test") && asked[0].query.contains("force=true")
    );
    assert_eq!(asked[0].body["kind"], "ConfigMap");
    assert_eq!(asked[0].body["apiVersion"], "v1");

    assert!(!apply(&api, &applier, &wish(&[("x", "1")])).await);
    assert!(api.take_asked().is_empty());
    assert!(apply(&api, &applier, &wish(&[("x", "2")])).await);
}

#[tokio::test]
async fn a_restarted_process_writes_nothing_either() {
    let api = Api::new();
    assert!(
        apply(
            &api,
            &Applier::new(api.client(), "ebb-test"),
            &wish(&[("x", "1")])
        )
        .await
    );
    assert!(
        !apply(
            &api,
            &Applier::new(api.client(), "ebb-test"),
            &wish(&[("x", "1")])
        )
        .await
    );
}

#[tokio::test]
async fn a_field_that_is_no_longer_wanted_is_applied_away() {
    let api = Api::new();
    let applier = Applier::new(api.client(), "ebb-test");
    apply(&api, &applier, &wish(&[("x", "1"), ("y", "2")])).await;
    assert!(apply(&api, &applier, &wish(&[("x", "1")])).await);
}

#[tokio::test]
async fn an_object_of_strangers_is_claimed() {
    let api = Api::new();
    api.put(
        PATH,
        json!({"metadata": {"name": "a", "namespace": "ns"}, "data": {"x": "1"}}),
    );
    let applier = Applier::new(api.client(), "ebb-test");
    assert!(
        apply(&api, &applier, &wish(&[("x", "1")])).await,
        "equal, but not ours"
    );
    assert!(!apply(&api, &applier, &wish(&[("x", "1")])).await);
}

#[tokio::test]
async fn a_value_that_the_server_writes_in_another_way_is_applied_once() {
    let api = Api::new();
    let applier = Applier::new(api.client(), "ebb-test");
    api.set_normalise(|object| {
        if object["data"]["cpu"] == "1000m" {
            object["data"]["cpu"] = json!("1");
        }
    });
    let wanted = wish(&[("cpu", "1000m")]);
    assert!(apply(&api, &applier, &wanted).await);
    assert!(!apply(&api, &applier, &wanted).await);

    let mut drifted = api.object(PATH).unwrap();
    drifted["data"]["cpu"] = json!("2");
    api.put(PATH, drifted);
    assert!(
        apply(&api, &applier, &wanted).await,
        "a real difference is mended"
    );
}

#[tokio::test]
async fn a_delete_names_the_incarnation() {
    let api = Api::new();
    let applier = Applier::new(api.client(), "ebb-test");
    apply(&api, &applier, &wish(&[])).await;
    api.take_asked();
    let seen = live(&api).unwrap();
    applier.delete(&seen).await.unwrap();
    let asked = api.take_asked();
    assert_eq!(
        asked[0].body["preconditions"]["uid"],
        json!(seen.metadata.uid)
    );
    applier.delete(&seen).await.unwrap();
}

#[tokio::test]
async fn an_error_names_verb_kind_and_object() {
    let api = Api::new();
    api.set_away(true);
    let applier = Applier::new(api.client(), "ebb-test");
    let error = applier.apply(&wish(&[]), None).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot apply ConfigMap ns/a");
}
