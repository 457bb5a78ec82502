//! Ten writers who change one Service at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ebb_e2e::witness::Witness;
use ebb_e2e::{Stage, cluster, play};
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, PostParams};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::fixtures::{is_stored, service, stored, user, without_pods};

const WRITERS: usize = 10;
/// How often a writer may meet another before something else must be wrong.
const TRIES: usize = 200;
const CREATOR: &str = "serving.knative.dev/creator";
const LAST_MODIFIER: &str = "serving.knative.dev/lastModifier";
/// Begins the names of all writers, and what each of them adds.
const WRITER: &str = "writer-";

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn ten_writers_of_one_service_lose_nothing() {
    play("race", async |stage| {
        without_pods(stage).await?;
        let creator = user(&stage.cluster.client).await?;
        let written: DynamicObject = serde_json::from_value(service("raced"))?;
        stage
            .api("Service")
            .create(&PostParams::default(), &written)
            .await?;
        let witness = Witness::start(stage, &["Service"]).await?;

        let start = Arc::new(Barrier::new(WRITERS));
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            let (start, api) = (start.clone(), as_writer(stage, number).await?);
            writers.spawn(async move {
                start.wait().await;
                add(&api, number).await
            });
        }
        let mut conflicts = 0;
        while let Some(met) = writers.join_next().await {
            conflicts += met??;
        }

        let last = stage.get("Service", "raced").await?;
        let versions = witness.finish(std::slice::from_ref(&last)).await?;
        eprintln!(
            "{WRITERS} writers met {conflicts} times; {} versions were stored",
            versions.len()
        );
        follow(&versions, &creator)?;
        // Every other writer changes the spec, and only that makes a generation.
        let spec_changes = (0..WRITERS).filter(|number| changes_spec(*number)).count();
        ensure!(
            last.metadata.generation == Some(1 + i64::try_from(spec_changes)?),
            "generation {:?}",
            last.metadata.generation
        );
        let all: BTreeSet<String> = (0..WRITERS).map(name).collect();
        let added = State::of(&last)?;
        ensure!(&added.variables | &added.annotations == all, "{added:?}");
        Ok(())
    })
    .await;
}

/// A writer's own access to the Services, under a name of his own.
async fn as_writer(stage: &Stage, number: usize) -> Result<Api<DynamicObject>> {
    let mut config = Config::infer().await?;
    config.auth_info.impersonate = Some(name(number));
    config.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    let client = Client::try_from(config)?;
    Ok(cluster::api(&client, &stage.namespace, "Service"))
}

/// Reads, adds, writes, and begins anew if somebody else was faster. Gives how often that was.
async fn add(api: &Api<DynamicObject>, number: usize) -> Result<usize> {
    for conflicts in 0..TRIES {
        let mut service = api.get("raced").await?;
        if changes_spec(number) {
            let container = &mut service.data["spec"]["template"]["spec"]["containers"][0];
            let variable = json!({"name": name(number), "value": "here"});
            match container["env"].as_array_mut() {
                Some(variables) => variables.push(variable),
                None => container["env"] = json!([variable]),
            }
        } else {
            service
                .annotations_mut()
                .insert(name(number), "here".to_owned());
        }
        match api.replace("raced", &PostParams::default(), &service).await {
            Ok(_) => return Ok(conflicts),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error).with_context(|| name(number)),
        }
    }
    bail!("{} never gets through", name(number))
}

fn name(number: usize) -> String {
    format!("{WRITER}{number}")
}

fn changes_spec(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// What the writers have added to a version.
#[derive(Debug, Default, Clone)]
struct State {
    generation: Option<i64>,
    last_modifier: String,
    variables: BTreeSet<String>,
    annotations: BTreeSet<String>,
}

impl State {
    fn of(service: &DynamicObject) -> Result<Self> {
        let container = &service.data["spec"]["template"]["spec"]["containers"][0];
        let variables = container["env"].as_array().into_iter().flatten();
        let annotations = service.annotations();
        Ok(Self {
            generation: service.metadata.generation,
            last_modifier: annotations
                .get(LAST_MODIFIER)
                .context("nobody is said to have changed it")?
                .clone(),
            variables: variables
                .filter_map(|it| it["name"].as_str().map(str::to_owned))
                .collect(),
            annotations: annotations
                .keys()
                .filter(|key| key.starts_with(WRITER))
                .cloned()
                .collect(),
        })
    }
}

/// Demands of each version that it is whole, and that it says of the one before who has changed what.
fn follow(versions: &[DynamicObject], creator: &str) -> Result<()> {
    let mut before: Option<State> = None;
    for version in versions {
        let state = State::of(version)?;
        is_whole(version, &state, creator)?;
        let Some(before) = before.replace(state.clone()) else {
            ensure!(
                state.last_modifier == creator && state.generation == Some(1),
                "{state:?}"
            );
            continue;
        };
        ensure!(
            state.variables.is_superset(&before.variables)
                && state.annotations.is_superset(&before.annotations),
            "lost between {before:?} and {state:?}"
        );
        let added: Vec<_> = state.variables.difference(&before.variables).collect();
        let expected = match added[..] {
            [] => (before.generation, &before.last_modifier),
            [who] => (before.generation.map(|it| it + 1), who),
            _ => bail!("{added:?} were written at once"),
        };
        ensure!(
            (state.generation, &state.last_modifier) == expected,
            "{before:?} became {state:?}"
        );
    }
    Ok(())
}

/// Demands that a version is what the rules make of the Service with what the writers have added so far.
fn is_whole(version: &DynamicObject, state: &State, creator: &str) -> Result<()> {
    let mut expected = stored(&service("raced"), creator);
    let annotations: BTreeMap<&str, &str> = state
        .annotations
        .iter()
        .map(|name| (name.as_str(), "here"))
        .chain([
            (CREATOR, creator),
            (LAST_MODIFIER, state.last_modifier.as_str()),
        ])
        .collect();
    expected["metadata"]["annotations"] = json!(annotations);
    // In the order in which they came.
    let variables = &version.data["spec"]["template"]["spec"]["containers"][0]["env"];
    for variable in variables.as_array().into_iter().flatten() {
        ensure!(
            *variable == json!({"name": variable["name"], "value": "here"}),
            "{variable}"
        );
    }
    if *variables != Value::Null {
        expected["spec"]["template"]["spec"]["containers"][0]["env"] = variables.clone();
    }
    is_stored(version, &expected)
}
