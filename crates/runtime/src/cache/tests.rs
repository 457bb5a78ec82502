use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::follow::trimmed;
use super::*;

fn map(name: &str, version: &str, team: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.into());
    map.metadata.namespace = Some("ns".into());
    map.metadata.resource_version = Some(version.into());
    map.labels_mut().insert("team".into(), team.into());
    map
}

fn record(cache: &Cache<ConfigMap>) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    cache.observe(move |change| {
        let verb = match change {
            Change::Added(_) => "+",
            Change::Modified { .. } => "~",
            Change::Deleted(_) => "-",
        };
        log.lock()
            .push(format!("{verb}{}", change.latest().name_any()));
    });
    seen
}

#[test]
fn an_observer_hears_of_what_is_there_and_of_each_change() {
    let cache = Cache::of([map("a", "1", "x")]);
    let seen = record(&cache);
    cache.insert(map("b", "2", "x"));
    cache.insert(map("b", "2", "x"));
    cache.insert(map("b", "3", "x"));
    cache.remove(&Key::new("ns", "a"));
    cache.remove(&Key::new("ns", "a"));
    assert_eq!(*seen.lock(), ["+a", "+b", "~b", "-a"]);
}

#[test]
fn a_new_list_reports_what_vanished_meanwhile() {
    let cache = Cache::of([map("a", "1", "x"), map("b", "2", "x")]);
    let seen = record(&cache);
    seen.lock().clear();
    cache.reset(vec![
        Arc::new(map("b", "2", "x")),
        Arc::new(map("c", "9", "x")),
    ]);
    assert_eq!(*seen.lock(), ["-a", "+c"]);
}

#[test]
fn an_index_follows_changes() {
    let cache = Cache::of([map("a", "1", "x")]);
    let teams = cache.index(|map| map.labels().get("team").cloned().into_iter().collect());
    cache.insert(map("b", "2", "x"));
    assert_eq!(teams.get("x").len(), 2);
    cache.insert(map("b", "3", "y"));
    cache.remove(&Key::new("ns", "a"));
    assert!(teams.get("x").is_empty());
    assert_eq!(teams.get("y")[0].name_any(), "b");
}

#[tokio::test]
async fn an_empty_list_makes_a_cache_ready() {
    let cache = Cache::<ConfigMap>::detached();
    assert!(!cache.is_ready());
    cache.reset(Vec::new());
    cache.ready().await;
}

#[test]
fn only_the_named_managers_fields_are_kept() {
    let entry = |name: &str| ManagedFieldsEntry {
        manager: Some(name.into()),
        ..Default::default()
    };
    let mut object = map("a", "1", "x");
    object.metadata.managed_fields = Some(vec![entry("kubectl"), entry("ebb")]);
    let kept = trimmed(object.clone(), Some("ebb"))
        .metadata
        .managed_fields
        .unwrap();
    assert_eq!(kept, [entry("ebb")]);
    assert_eq!(trimmed(object, None).metadata.managed_fields, None);
}
