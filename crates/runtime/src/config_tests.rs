//! What happens to a setting when its ConfigMap changes.

use std::num::ParseIntError;

use super::*;
use crate::fake::Api;

fn parse(data: &Data) -> Result<u32, ParseIntError> {
    data.get("n").map_or(Ok(0), |n| n.parse())
}

fn map(version: &str, n: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some("config-x".into());
    map.metadata.namespace = Some("knative-serving".into());
    map.metadata.resource_version = Some(version.into());
    map.data = Some(BTreeMap::from([("n".to_owned(), n.to_owned())]));
    map
}

fn maps(cache: &Cache<ConfigMap>) -> ConfigMaps {
    ConfigMaps::new(
        cache.clone(),
        "knative-serving",
        Recorder::silent(),
        Metrics::default(),
    )
}

#[test]
fn a_bad_update_keeps_the_last_good_value() {
    let cache = Cache::of([map("1", "4")]);
    let live = maps(&cache).require("config-x", parse).unwrap();
    assert_eq!(*live.get(), 4);
    cache.insert(map("2", "many"));
    assert_eq!(*live.get(), 4);
    assert!(!live.subscribe().has_changed().unwrap());
    cache.insert(map("3", "5"));
    assert_eq!(*live.get(), 5);
    assert!(live.subscribe().has_changed().unwrap());
}

#[test]
fn a_bad_first_value_and_a_missing_map_are_errors() {
    let cache = Cache::of([map("1", "many")]);
    assert!(matches!(
        maps(&cache).require("config-x", parse),
        Err(Error::Bad { .. })
    ));
    assert!(matches!(
        maps(&cache).or_default("config-x", parse),
        Err(Error::Bad { .. })
    ));
    assert!(matches!(
        maps(&cache).require("config-y", parse),
        Err(Error::Missing(_))
    ));
}

#[test]
fn an_optional_map_may_come_later() {
    let cache = Cache::of([]);
    let live = maps(&cache).or_default("config-x", parse).unwrap();
    assert_eq!(*live.get(), 0);
    cache.insert(map("1", "7"));
    assert_eq!(*live.get(), 7);
}

#[test]
fn config_1_5_a_change_of_labels_alone_wakes_the_followers() {
    let cache = Cache::of([map("1", "4")]);
    let live = maps(&cache).require("config-x", parse).unwrap();
    let mut version = live.subscribe();
    assert!(!version.has_changed().unwrap());
    // The watch begins anew and lists what is known already.
    cache.replace([map("1", "4")]);
    assert!(!version.has_changed().unwrap());
    let mut labelled = map("2", "4");
    labelled.metadata.labels = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    cache.insert(labelled);
    assert!(version.has_changed().unwrap());
    version.mark_unchanged();
    // Another ConfigMap is no business of ours.
    let mut other = map("3", "9");
    other.metadata.name = Some("config-y".into());
    cache.insert(other);
    assert!(!version.has_changed().unwrap());
    assert_eq!(*live.get(), 4);
}

#[test]
fn config_1_5_a_deleted_map_leaves_its_last_value_in_force() {
    let cache = Cache::of([map("1", "4")]);
    let live = maps(&cache).require("config-x", parse).unwrap();
    cache.remove(&Key::new("knative-serving", "config-x"));
    assert_eq!(*live.get(), 4);
    assert!(!live.subscribe().has_changed().unwrap());
    cache.insert(map("2", "6"));
    assert_eq!(*live.get(), 6);
}

#[tokio::test]
async fn a_bad_update_is_told_once_however_many_follow() {
    let cache = Cache::of([map("1", "4")]);
    let api = Api::new();
    let supervisor = Supervisor::new();
    let metrics = Metrics::default();
    let maps = ConfigMaps::new(
        cache.clone(),
        "knative-serving",
        Recorder::start(&supervisor, api.client(), "test"),
        metrics.clone(),
    );
    let followers = [
        maps.require("config-x", parse).unwrap(),
        maps.require("config-x", parse).unwrap(),
    ];
    let lenient = maps
        .require("config-x", |_| Ok::<_, ParseIntError>(()))
        .unwrap();
    let labels = Labels {
        name: "config-x".into(),
    };
    let counts = || {
        let rejected = metrics.rejected.get_or_create(&labels).get();
        (rejected, metrics.valid.get_or_create(&labels).get())
    };
    assert_eq!(counts(), (0, 1));
    cache.insert(map("2", "many"));
    assert_eq!(counts(), (1, 0));
    // The same words under new labels are no news.
    let mut labelled = map("3", "many");
    labelled.metadata.labels = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    cache.insert(labelled);
    assert_eq!(counts(), (1, 0));
    cache.insert(map("4", "most"));
    assert_eq!(counts(), (2, 0));
    cache.insert(map("5", "5"));
    assert_eq!(counts(), (2, 1));
    assert!(followers.iter().all(|live| *live.get() == 5));
    assert!(lenient.subscribe().has_changed().unwrap());

    let mut events = Vec::new();
    while events.len() < 2 {
        let asked = api.take_asked().into_iter();
        // The second is a repetition of the first, so it only raises its count.
        events.extend(asked.filter(|asked| asked.path.contains("/events")));
        tokio::task::yield_now().await;
    }
    assert_eq!(events[1].body["count"], 2);
    let event = &events[0].body;
    assert_eq!(event["involvedObject"]["name"], "config-x");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "ConfigurationRejected");
    assert_eq!(
        event["message"],
        "The last good value stays in force: invalid digit found in string"
    );
}

#[tokio::test]
async fn config_1_5_what_is_read_once_may_be_missing_but_not_bad() {
    let api = Api::new();
    let read = |name| {
        let client = api.client();
        async move { once(&client, "knative-serving", name, parse).await }
    };
    let put = |map: ConfigMap| {
        api.put(
            "/api/v1/namespaces/knative-serving/configmaps/config-x",
            serde_json::to_value(map).unwrap(),
        );
    };
    assert_eq!(read("config-x").await.unwrap(), 0);
    put(map("1", "3"));
    assert_eq!(read("config-x").await.unwrap(), 3);
    put(map("2", "many"));
    assert!(matches!(read("config-x").await, Err(Error::Bad { .. })));
}
