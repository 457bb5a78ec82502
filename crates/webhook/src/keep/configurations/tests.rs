use ebb_runtime::fake;
use serde_json::json;

use super::*;

const SECRET: &str = "webhook-certs";

fn owner() -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: "Namespace".into(),
        name: "knative-serving".into(),
        uid: "n".into(),
        controller: Some(false),
        block_owner_deletion: Some(true),
    }
}

fn secret() -> Secret {
    serde_json::from_value(json!({
        "metadata": {"name": SECRET, "namespace": "knative-serving"},
        "data": {"ca-cert.pem": ByteString(b"authority".to_vec())},
    }))
    .unwrap()
}

/// A configuration as it is installed.
fn installed<K: serde::de::DeserializeOwned>(hook: Hook) -> K {
    serde_json::from_value(json!({
        "metadata": {"name": hook.name(), "resourceVersion": "1"},
        "webhooks": [
            {
                "name": hook.name(), "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"name": "webhook", "namespace": "knative-serving"}},
                "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}, {"key": "x.knative.dev/y", "operator": "Exists"}]},
            },
            {"name": "other.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://x"}},
        ],
    }))
    .unwrap()
}

fn keeper(hook: Hook, api: &fake::Api, secrets: Cache<Secret>) -> Configurations {
    Configurations {
        hook,
        client: api.client(),
        secrets,
        secret: Key::new("knative-serving", SECRET),
        mutating: Cache::of([installed(Hook::Defaulting)]),
        validating: Cache::of([installed(Hook::Validation), installed(Hook::Config)]),
        owner: Some(owner()),
    }
}

#[tokio::test]
async fn only_our_entry_is_completed_and_the_second_time_nothing_changes() {
    let keeper = keeper(Hook::Defaulting, &fake::Api::new(), Cache::of([secret()]));
    let authority = ByteString(b"authority".to_vec());
    let live = installed(Hook::Defaulting);
    let done = keeper.complete_mutating(&live, &authority).unwrap();
    let tree = serde_json::to_value(&done).unwrap();
    assert_eq!(tree["metadata"]["ownerReferences"][0]["uid"], "n");
    let ours = &tree["webhooks"][0];
    assert_eq!(ours["clientConfig"]["service"]["path"], "/defaulting");
    assert_eq!(ours["clientConfig"]["caBundle"], "YXV0aG9yaXR5");
    assert_eq!(ours["reinvocationPolicy"], "IfNeeded");
    assert_eq!(
        ours["namespaceSelector"]["matchExpressions"],
        json!([{"key": "team", "operator": "Exists"}, {"key": "webhooks.knative.dev/exclude", "operator": "DoesNotExist"}])
    );
    assert_eq!(
        done.webhooks.as_ref().unwrap()[1],
        live.webhooks.unwrap()[1]
    );
    assert_eq!(keeper.complete_mutating(&done, &authority).unwrap(), done);
}

#[tokio::test]
async fn a_configuration_is_written_once_there_is_an_authority() {
    let api = fake::Api::new();
    let path = format!(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}",
        Hook::Config.name()
    );
    api.put(
        &path,
        serde_json::to_value(installed::<ValidatingWebhookConfiguration>(Hook::Config)).unwrap(),
    );
    let secrets = Cache::of([]);
    let keeper = keeper(Hook::Config, &api, secrets.clone());
    keeper.reconcile(&key(Hook::Config)).await.unwrap();
    assert!(
        api.object(&path).unwrap()["webhooks"][0]["clientConfig"]
            .get("caBundle")
            .is_none()
    );

    secrets.insert(secret());
    let mut live: ValidatingWebhookConfiguration =
        serde_json::from_value(api.object(&path).unwrap()).unwrap();
    live.metadata.name = Some(Hook::Config.name().to_owned());
    keeper.validating.insert(live);
    keeper.reconcile(&key(Hook::Config)).await.unwrap();
    let written = api.object(&path).unwrap();
    assert_eq!(
        written["webhooks"][0]["clientConfig"]["caBundle"],
        "YXV0aG9yaXR5"
    );
    assert_eq!(
        written["webhooks"][0]["clientConfig"]["service"]["path"],
        "/config-validation"
    );
}
