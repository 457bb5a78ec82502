//! Writing children: server-side apply that stays silent when there is nothing to say.
//!
//! A caller states the fields it wants and hands in the object its cache shows. Nothing is sent when that object
//! already has all of them and the field manager owns none beyond them ([`compare`]). When the comparison is unsure,
//! as with a quantity that the server writes in another way, the object is applied once and the outcome remembered:
//! the same wish against the same outcome is not sent again. So the worst case is one needless request an object and
//! process life, never a loop.
//!
//! Deletions name the incarnation that the caller saw.

pub mod compare;

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::{Client, Resource};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Key, request};

/// More remembered outcomes than this are forgotten all at once; each costs one needless request then.
const REMEMBERED: usize = 20_000;

/// A write that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {kind} {key}")]
pub struct Error {
    verb: &'static str,
    kind: String,
    key: Key,
    #[source]
    source: Box<request::Failure>,
}

impl Error {
    /// What the API said.
    pub fn cause(&self) -> &kube::Error {
        &self.source.0
    }

    /// Whether somebody else changed the object first.
    pub fn is_conflict(&self) -> bool {
        request::is_conflict(&self.source.0)
    }
}

/// What an apply did.
#[derive(Clone, Debug)]
pub enum Applied<K> {
    /// Nothing: the object is as wanted.
    Unchanged,
    /// It wrote; this is the object as the server has it now.
    Written(Box<K>),
}

impl<K> Applied<K> {
    /// Whether something was sent.
    pub fn is_written(&self) -> bool {
        matches!(self, Self::Written(_))
    }

    /// The object as it is now, be it the one the caller knew or the one just written.
    pub fn or_live(self, live: Option<&Arc<K>>) -> Option<Arc<K>> {
        match self {
            Self::Written(object) => Some(Arc::from(object)),
            Self::Unchanged => live.cloned(),
        }
    }
}

/// Wish and outcome of an apply that the comparison could not call done.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Remembered {
    wish: u64,
    outcome: u64,
}

type ObjectId = (&'static str, Key);

/// Applies and deletes objects in the name of one field manager. Cheap to clone.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    manager: &'static str,
    remembered: Arc<Mutex<HashMap<ObjectId, Remembered>>>,
}

impl fmt::Debug for Applier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applier")
            .field("manager", &self.manager)
            .finish_non_exhaustive()
    }
}

impl Applier {
    /// `manager` is the field manager: one for each controller, and the one its caches keep
    /// ([`crate::cache::Options::keep_manager`]).
    pub fn new(client: Client, manager: &'static str) -> Self {
        Self {
            client,
            manager,
            remembered: Arc::default(),
        }
    }

    /// Sees to it that the object has the fields of `desired`. `live` is what the cache shows of it.
    ///
    /// `status` is left out, as is `metadata.managedFields`. Fields that this manager owned before and `desired` no
    /// longer has are removed. Other managers' claims on the same fields are taken over.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn apply<K>(&self, desired: &K, live: Option<&K>) -> Result<Applied<K>, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let key = Key::of(desired);
        let error = |source| Error {
            verb: "apply",
            kind: K::kind(&()).into_owned(),
            key: key.clone(),
            source: Box::new(request::Failure(source)),
        };
        let wish = wish(desired)
            .map_err(kube::Error::SerdeError)
            .map_err(&error)?;
        let id = (std::any::type_name::<K>(), key.clone());
        if let Some(live) = live {
            let known = self.remembered.lock().get(&id).copied();
            let state = State::of(live, self.manager)
                .map_err(kube::Error::SerdeError)
                .map_err(&error)?;
            if state.fulfils(&wish) || known == Some(state.remember(&wish)) {
                return Ok(Applied::Unchanged);
            }
        }

        let params = PatchParams::apply(self.manager).force();
        let written: K =
            request::patch::<K, K>(&self.client, &key, None, &params, &Patch::Apply(&wish))
                .await
                .map_err(&error)?;
        let state = State::of(&written, self.manager)
            .map_err(kube::Error::SerdeError)
            .map_err(&error)?;
        let mut remembered = self.remembered.lock();
        if state.fulfils(&wish) {
            remembered.remove(&id);
        } else {
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(id, state.remember(&wish));
        }
        tracing::debug!(kind = %K::kind(&()), object = %key, manager = self.manager, "applied");
        Ok(Applied::Written(Box::new(written)))
    }

    /// Creates `desired` as it stands; for kinds that must not be overwritten when they exist.
    ///
    /// # Errors
    /// When the API server refuses, for one because the object exists, or does not answer.
    pub async fn create<K>(&self, desired: &K) -> Result<K, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        request::create(&self.client, desired)
            .await
            .map_err(|source| Error {
                verb: "create",
                kind: K::kind(&()).into_owned(),
                key: Key::of(desired),
                source: Box::new(request::Failure(source)),
            })
    }

    /// Deletes the incarnation that `live` is. Success if it is gone already.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn delete<K>(&self, live: &K) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()>,
    {
        let key = Key::new(
            live.meta().namespace.clone().unwrap_or_default(),
            live.meta().name.clone().unwrap_or_default(),
        );
        self.remembered
            .lock()
            .remove(&(std::any::type_name::<K>(), key.clone()));
        request::delete(&self.client, live)
            .await
            .map_err(|source| Error {
                verb: "delete",
                kind: K::kind(&()).into_owned(),
                key,
                source: Box::new(request::Failure(source)),
            })
    }
}

/// The body of an apply.
fn wish<K: Serialize>(desired: &K) -> serde_json::Result<Value> {
    let mut wish = serde_json::to_value(desired)?;
    if let Value::Object(members) = &mut wish {
        members.remove("status");
        if let Some(Value::Object(meta)) = members.get_mut("metadata") {
            for of_the_server in [
                "managedFields",
                "resourceVersion",
                "generation",
                "creationTimestamp",
                "uid",
            ] {
                meta.remove(of_the_server);
            }
        }
    }
    compare::drop_nulls(&mut wish);
    Ok(wish)
}

/// An object as the server has it, seen by one manager.
struct State {
    object: Value,
    /// The manager's `fieldsV1`; `None` if it owns nothing.
    owned: Option<Value>,
}

impl State {
    fn of<K: Resource<DynamicType = ()> + Serialize>(
        live: &K,
        manager: &str,
    ) -> serde_json::Result<Self> {
        let entries = live.meta().managed_fields.iter().flatten();
        let owned = entries
            .filter(|entry| {
                entry.manager.as_deref() == Some(manager) && entry.subresource.is_none()
            })
            .find_map(|entry| entry.fields_v1.as_ref().map(|fields| fields.0.clone()));
        Ok(Self {
            object: serde_json::to_value(live)?,
            owned,
        })
    }

    fn fulfils(&self, wish: &Value) -> bool {
        let owned = self.owned.as_ref();
        owned.is_some_and(|owned| !compare::owns_beyond(owned, wish))
            && compare::covers(&self.object, wish)
    }

    fn remember(&self, wish: &Value) -> Remembered {
        let mut outcome = DefaultHasher::new();
        compare::project(&self.object, wish)
            .to_string()
            .hash(&mut outcome);
        self.owned.as_ref().map(Value::to_string).hash(&mut outcome);
        let mut asked = DefaultHasher::new();
        wish.to_string().hash(&mut asked);
        Remembered {
            wish: asked.finish(),
            outcome: outcome.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
