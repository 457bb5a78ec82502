//! What all replicas of a program make of a ConfigMap, seen from outside: metrics and Events.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::config_maps::{metric, rejections};
use ebb_e2e::wait::eventually;
use ebb_e2e::{Stage, processes};
use kube::ResourceExt as _;

/// How long a change may take to be in force.
pub(crate) const IN_FORCE_WITHIN: Duration = Duration::from_secs(60);

/// A program and the ConfigMap that it reads.
pub(crate) struct Reader<'a> {
    stage: &'a Stage,
    program: &'a str,
    /// Name of the ConfigMap.
    pub(crate) map: &'static str,
    replicas: Vec<Replica>,
}

struct Replica {
    pod: String,
    container: Option<String>,
    /// How often it had rejected the ConfigMap when it was last looked at.
    rejected: f64,
}

impl<'a> Reader<'a> {
    /// All replicas as they are now.
    pub(crate) async fn of(stage: &'a Stage, program: &'a str, map: &'static str) -> Result<Self> {
        let client = &stage.cluster.client;
        let mut replicas = Vec::new();
        for pod in processes::pods(client, SYSTEM_NAMESPACE, &format!("app={program}")).await? {
            replicas.push(Replica {
                pod: pod.name_any(),
                container: processes::status(&pod, None)?.container_id,
                rejected: state(stage, map, &pod.name_any()).await?.0,
            });
        }
        ensure!(!replicas.is_empty(), "there is no {program}");
        Ok(Self {
            stage,
            program,
            map,
            replicas,
        })
    }

    /// Waits until all replicas have seen a bad value: they count it, and one says so on the ConfigMap, where it names
    /// `what`.
    pub(crate) async fn rejects(&mut self, what: &str) -> Result<()> {
        let (stage, program, map) = (self.stage, self.program, self.map);
        for replica in &mut self.replicas {
            let counted = format!("{} counts a bad {map}", replica.pod);
            replica.rejected = eventually(&counted, IN_FORCE_WITHIN, async || {
                let (rejected, valid) = state(stage, map, &replica.pod).await?;
                Ok(if rejected > replica.rejected && valid == Some(0.0) {
                    Ok(rejected)
                } else {
                    Err(format!("rejected {rejected}, valid {valid:?}"))
                })
            })
            .await?;
        }
        let component = match program {
            "autoscaler" => "podautoscaler-controller",
            other => other,
        };
        let told = format!("{program} tells of a bad {map}");
        let said = eventually(&told, IN_FORCE_WITHIN, async || {
            let told = rejections(&stage.cluster.client, map).await?;
            let found = told
                .iter()
                .find(|(by, said)| by == component && said.contains(what));
            Ok(found
                .map(|(_, said)| said.clone())
                .ok_or_else(|| format!("{told:?}")))
        })
        .await?;
        eprintln!("{program}: {said}");
        Ok(())
    }

    /// Waits until all replicas have taken a good value over.
    pub(crate) async fn accepts(&self) -> Result<()> {
        for Replica { pod, .. } in &self.replicas {
            let what = format!("{pod} takes {} over", self.map);
            eventually(&what, IN_FORCE_WITHIN, async || {
                let (_, valid) = state(self.stage, self.map, pod).await?;
                Ok(if valid == Some(1.0) {
                    Ok(())
                } else {
                    Err(format!("valid {valid:?}"))
                })
            })
            .await?;
        }
        Ok(())
    }

    /// Demands that all replicas are those of the beginning.
    pub(crate) async fn has_not_restarted(&self) -> Result<()> {
        let selector = format!("app={}", self.program);
        let pods = processes::pods(&self.stage.cluster.client, SYSTEM_NAMESPACE, &selector).await?;
        for replica in &self.replicas {
            let pod = pods.iter().find(|pod| pod.name_any() == replica.pod);
            let pod = pod.with_context(|| format!("{} has gone", replica.pod))?;
            ensure!(
                processes::status(pod, None)?.container_id == replica.container,
                "{} has restarted",
                replica.pod
            );
        }
        Ok(())
    }
}

/// How often a replica has rejected a ConfigMap, and whether the present one is in force there.
async fn state(stage: &Stage, map: &str, pod: &str) -> Result<(f64, Option<f64>)> {
    let client = &stage.cluster.client;
    let series = |name: &str| format!("ebb_config_{name}{{name=\"{map}\"}}");
    let rejected = metric(client, pod, &series("rejected_total")).await?;
    Ok((
        rejected.unwrap_or_default(),
        metric(client, pod, &series("valid")).await?,
    ))
}
