//! Applies the children of a PodAutoscaler, unless somebody else controls an object of that name.

use ebb_core::api::condition::State;
use ebb_core::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerCond, PodAutoscalerStatus};
use ebb_core::plan::meta;
use ebb_runtime::apply::Applier;
use ebb_runtime::cache::Object;
use ebb_runtime::reconcile::Error;
use jiff::Timestamp;
use serde::Serialize;

/// An object with a child's name belongs to somebody else.
#[derive(Debug, thiserror::Error)]
#[error("error reconciling {kind}: PodAutoscaler {autoscaler:?} does not own {kind} {name:?}")]
struct NotOwned {
    kind: String,
    autoscaler: String,
    name: String,
}

/// Sees to it that `child` is there as planned. A child of somebody else is left alone and shows in
/// `status`.
pub(super) async fn apply<K: Object + Serialize>(
    applier: &Applier,
    autoscaler: &PodAutoscaler,
    child: &K,
    live: Option<&K>,
    status: &mut PodAutoscalerStatus,
    now: Timestamp,
) -> Result<(), Error> {
    if let Some(live) = live
        && !meta::is_controlled_by(live.meta(), &autoscaler.metadata)
    {
        let kind = K::kind(&()).into_owned();
        let name = meta::name(live.meta()).to_owned();
        let message = format!("There is an existing {kind} {name:?} that we do not own.");
        let state = State::failed("NotOwned", message);
        status.conditions.set(PodAutoscalerCond::Active, state, now);
        let autoscaler = meta::name(&autoscaler.metadata).to_owned();
        return Err(Error::transient(NotOwned {
            kind,
            autoscaler,
            name,
        }));
    }
    applier.apply(child, live).await?;
    Ok(())
}
