//! The few API calls that the other modules need, for kinds with and without a namespace alike.
//!
//! kube's `Api` decides the scope by type; here the key decides, so that one function serves every kind.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::client::Body;
use kube::core::request::Request;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Key;

fn request<K: Resource<DynamicType = ()>>(key: &Key) -> Request {
    Request::new(K::url_path(&(), key.namespace()))
}

async fn send<T: DeserializeOwned>(
    client: &Client,
    built: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> kube::Result<T> {
    client
        .request(built.map_err(kube::Error::BuildRequest)?)
        .await
}

/// Reads one object, bypassing all caches. `None` if it is not there.
pub async fn get<K>(client: &Client, key: &Key) -> kube::Result<Option<K>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    match send(
        client,
        request::<K>(key).get(&key.name, &Default::default()),
    )
    .await
    {
        Ok(object) => Ok(Some(object)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates `object` as it stands.
pub async fn create<K>(client: &Client, object: &K) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
{
    let data = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    send(
        client,
        request::<K>(&Key::of(object)).create(&PostParams::default(), data),
    )
    .await
}

/// Replaces an object. Its `resourceVersion`, if any, must still be the current one.
pub async fn replace<K>(client: &Client, object: &K) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
{
    let data = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let key = Key::of(object);
    send(
        client,
        request::<K>(&key).replace(&key.name, &PostParams::default(), data),
    )
    .await
}

/// Patches an object, or a subresource of it such as `status` or `scale`.
///
/// The answer is read as `T`, which is `K` except for subresources that are a kind of their own.
pub async fn patch<K, T>(
    client: &Client,
    key: &Key,
    subresource: Option<&str>,
    params: &PatchParams,
    patch: &Patch<impl Serialize>,
) -> kube::Result<T>
where
    K: Resource<DynamicType = ()>,
    T: DeserializeOwned,
{
    let target = request::<K>(key);
    match subresource {
        Some(subresource) => {
            send(
                client,
                target.patch_subresource(subresource, &key.name, params, patch),
            )
            .await
        }
        None => send(client, target.patch(&key.name, params, patch)).await,
    }
}

/// Deletes just this incarnation of `object`, dependents in the background. Success if it is gone already or has been
/// made anew meanwhile.
pub async fn delete<K>(client: &Client, object: &K) -> kube::Result<()>
where
    K: Resource<DynamicType = ()>,
{
    let key = Key::new(
        object.meta().namespace.clone().unwrap_or_default(),
        object.meta().name.clone().unwrap_or_default(),
    );
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.meta().uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    let built = request::<K>(&key)
        .delete(&key.name, &params)
        .map_err(kube::Error::BuildRequest)?;
    match client.send(built.map(Body::from)).await?.status() {
        status if status.is_success() => Ok(()),
        http::StatusCode::NOT_FOUND | http::StatusCode::CONFLICT => Ok(()),
        status => {
            let text = format!("delete of {key}: {status}");
            Err(kube::Error::Api(
                kube::core::Status::failure(&text, "")
                    .with_code(status.as_u16())
                    .boxed(),
            ))
        }
    }
}

/// Whether the object was not there.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether somebody else changed the object first. An object that exists already is another thing.
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict")
}

/// Whether the API server will refuse the same request again: the caller must change something.
pub fn is_refused(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400 | 403 | 405 | 422))
}
