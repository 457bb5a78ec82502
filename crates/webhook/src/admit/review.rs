//! The API server's questions and our answers, as they are on the wire.

use std::fmt;
use std::marker::PhantomData;

use ebb_core::admission::PatchOperation;
use ebb_core::json::Node;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::de::Read;

/// What the API server sends. Fields that no rule looks at are left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question<'a> {
    #[serde(default)]
    pub(crate) api_version: String,
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(borrow, deserialize_with = "object")]
    pub(crate) request: Request<'a>,
}

impl<'a> Question<'a> {
    /// Reads the body of a review. The objects in it borrow their text.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        // One look at the whole body costs less than one at each text in it.
        match std::str::from_utf8(body) {
            Ok(text) => Self::of(serde_json::Deserializer::from_str(text)),
            Err(_) => Self::of(serde_json::Deserializer::from_slice(body)),
        }
    }

    fn of<R: Read<'a>>(mut json: serde_json::Deserializer<R>) -> Result<Self, serde_json::Error> {
        let question = object(&mut json)?;
        json.end()?;
        Ok(question)
    }
}

/// Reads fields by their names only; by itself serde takes a list of them as well.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(fields))
        }
    }

    json.deserialize_map(Fields(PhantomData))
}

/// One request to the API server that is to be reviewed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Request<'a> {
    pub(crate) uid: String,
    #[serde(deserialize_with = "object")]
    pub(crate) kind: GroupVersionKind,
    pub(crate) sub_resource: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) operation: String,
    #[serde(deserialize_with = "object")]
    pub(crate) user_info: UserInfo,
    #[serde(borrow)]
    pub(crate) object: Option<Node<'a>>,
    #[serde(borrow)]
    pub(crate) old_object: Option<Node<'a>>,
    pub(crate) dry_run: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct GroupVersionKind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            version,
            kind,
        } = self;
        write!(f, "{group}/{version}, Kind={kind}")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserInfo {
    pub(crate) username: String,
}

/// What the API server gets back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) response: Response,
}

/// The verdict.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    pub(crate) uid: String,
    pub(crate) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "base64_json"
    )]
    pub(crate) patch: Option<Vec<PatchOperation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// Why a request is denied.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Status {
    pub(crate) metadata: serde_json::Map<String, Value>,
    pub(crate) status: &'static str,
    pub(crate) message: String,
    pub(crate) reason: &'static str,
    pub(crate) code: u16,
}

impl Response {
    /// Lets the request pass as it is.
    pub(crate) fn allow() -> Self {
        Self {
            allowed: true,
            ..Self::default()
        }
    }

    /// Lets the request pass with these changes.
    pub(crate) fn patch(patch: Vec<PatchOperation>) -> Self {
        Self {
            patch: Some(patch),
            patch_type: Some("JSONPatch"),
            ..Self::allow()
        }
    }

    /// Denies the request as a bad one.
    pub(crate) fn deny(message: impl Into<String>) -> Self {
        Self {
            status: Some(Status {
                metadata: serde_json::Map::new(),
                status: "Failure",
                message: message.into(),
                reason: "BadRequest",
                code: 400,
            }),
            ..Self::default()
        }
    }
}

/// The patch travels as the base64 of its JSON, as bytes do.
fn base64_json<S: serde::Serializer>(
    patch: &Option<Vec<PatchOperation>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let json = serde_json::to_vec(patch).map_err(serde::ser::Error::custom)?;
    k8s_openapi::ByteString(json).serialize(serializer)
}
