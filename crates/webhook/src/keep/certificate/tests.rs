use ebb_runtime::fake;
use serde_json::{Value, json};

use super::*;
use crate::certificate as pem;

const PATH: &str = "/api/v1/namespaces/knative-serving/secrets/webhook-certs";

/// The leader, and the API server it writes to. What is written is put into its caches by hand.
struct Stage {
    api: fake::Api,
    keeper: Certificate,
}

impl Stage {
    fn new(data: Value) -> Self {
        let api = fake::Api::new();
        api.put(
            PATH,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "webhook-certs", "namespace": "knative-serving"}, "data": data}),
        );
        let keeper = Certificate {
            client: api.client(),
            secrets: Cache::of([]),
            mutating: Cache::of([]),
            validating: Cache::of([]),
            host_names: pem::host_names("webhook", "knative-serving", "cluster.local"),
            waiting: Mutex::default(),
        };
        let stage = Self { api, keeper };
        stage.watch();
        stage
    }

    /// Shows the Secret to the leader.
    fn watch(&self) {
        self.keeper.secrets.insert(self.secret());
    }

    fn secret(&self) -> Secret {
        serde_json::from_value(self.api.object(PATH).unwrap()).unwrap()
    }

    /// Lets the configurations trust what the Secret says.
    fn complete(&self) {
        let bundle = rotation::authorities(&self.secret()).unwrap();
        let webhook = |hook: Hook| {
            json!({
                "metadata": {"name": hook.name()},
                "webhooks": [{"name": hook.name(), "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"caBundle": bundle}}],
            })
        };
        self.keeper
            .mutating
            .insert(serde_json::from_value(webhook(Hook::Defaulting)).unwrap());
        for hook in [Hook::Validation, Hook::Config] {
            self.keeper
                .validating
                .insert(serde_json::from_value(webhook(hook)).unwrap());
        }
    }

    async fn reconcile(&self) -> Action {
        let action = self
            .keeper
            .reconcile(&Key::new("knative-serving", "webhook-certs"))
            .await
            .unwrap();
        self.watch();
        action
    }
}

#[tokio::test]
async fn an_empty_secret_gets_a_certificate() {
    let stage = Stage::new(json!({}));
    stage.reconcile().await;
    pem::pair(&stage.secret()).unwrap();
    stage.api.take_asked();
    assert_eq!(stage.reconcile().await, Action::After(LOOK_AGAIN));
    assert_eq!(stage.api.take_writes(), Vec::<String>::new(), "it does");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_not_made() {
    let stage = Stage::new(json!({}));
    let gone = Key::new("elsewhere", "webhook-certs");
    assert_eq!(stage.keeper.reconcile(&gone).await.unwrap(), Action::Done);
    assert_eq!(stage.api.take_writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_followed_by_one_that_is_trusted_already() {
    let six_days_ago = SystemTime::now() - Duration::from_secs((6 * 24 + 1) * 3600);
    let data = pem::make(
        &pem::host_names("webhook", "knative-serving", "cluster.local"),
        six_days_ago,
    )
    .unwrap();
    let stage = Stage::new(serde_json::to_value(data).unwrap());
    let first = pem::authority(&stage.secret()).unwrap().clone();
    stage.complete();

    stage.reconcile().await;
    assert_eq!(
        pem::authority(&stage.secret()),
        Some(&first),
        "announced, not shown"
    );
    stage.reconcile().await;
    tokio::time::advance(SPREAD).await;
    stage.reconcile().await;
    assert_eq!(
        pem::authority(&stage.secret()),
        Some(&first),
        "the configurations do not trust it yet"
    );

    stage.complete();
    assert_eq!(
        stage.reconcile().await,
        Action::After(SPREAD),
        "seen, but perhaps not by every API server"
    );
    tokio::time::advance(SPREAD).await;
    stage.reconcile().await;
    assert_ne!(pem::authority(&stage.secret()), Some(&first), "shown");
    assert!(rotation::contains(
        &rotation::authorities(&stage.secret()).unwrap(),
        &first
    ));

    assert_eq!(stage.reconcile().await, Action::After(LINGER));
    tokio::time::advance(LINGER).await;
    stage.reconcile().await;
    assert!(
        !rotation::contains(&rotation::authorities(&stage.secret()).unwrap(), &first),
        "forgotten"
    );
}
