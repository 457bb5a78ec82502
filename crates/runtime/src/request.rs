//! The few API calls that the other modules need, for kinds with and without a namespace alike.
//!
//! kube's `Api` decides the scope by type; here the key decides, so that one function serves every kind.

use std::fmt;

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

/// An error of a call, told as the API server tells it. kube's own text repeats the whole answer, structure and all.
#[derive(Debug)]
pub struct Failure(pub kube::Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            kube::Error::Api(answer) if answer.message.is_empty() => {
                write!(f, "{} {}", answer.code, answer.reason)
            }
            kube::Error::Api(answer) => f.write_str(&answer.message),
            error => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            kube::Error::Api(_) => None,
            error => error.source(),
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

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::Failure;

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        let refusal = |message: &str| {
            Failure(kube::Error::Api(
                Status::failure(message, "Invalid").with_code(422).boxed(),
            ))
        };
        assert_eq!(
            refusal("name: Required value").to_string(),
            "name: Required value"
        );
        assert_eq!(refusal("").to_string(), "422 Invalid");
    }
}
