//! What an answer of the webhook has to look like.

use serde::Deserialize;
use serde_json::{Value, json};

/// What an answer takes at the least: the frame, and words about a fault.
const FRAME: usize = 8 << 10;
/// How much longer than the question an answer can be. A fault of three bytes (`{},`) is told with the path to it.
const GROWTH: usize = 512;

/// Stages whose name a denial begins with.
const STAGES: &[&str] = &[
    "mutation failed: ",
    "decoding request failed: ",
    "validation failed: ",
];

/// The parts of a question that its answer must fit.
pub(super) struct Asked {
    api_version: String,
    kind: String,
    uid: String,
    /// Group, version and kind of the object.
    gvk: Value,
    user: Value,
    operation: String,
    part: String,
    pub(super) object: Value,
    old: Option<Value>,
}

impl Asked {
    /// `None` for a body of which the webhook passes over a part that is no text.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut review: Value = serde_json::from_slice(body).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let request = &review["request"];
        Some(Self {
            api_version: text(&review["apiVersion"]),
            kind: text(&review["kind"]),
            uid: text(&request["uid"]),
            gvk: request["kind"].clone(),
            user: request["userInfo"].clone(),
            operation: text(&request["operation"]),
            part: text(&request["subResource"]),
            old: Some(&request["oldObject"])
                .filter(|old| !old.is_null())
                .cloned(),
            object: review["request"]["object"].take(),
        })
    }

    /// Whether there is an object to fill in.
    pub(super) fn is_about_an_object(&self) -> bool {
        ["CREATE", "UPDATE"].contains(&self.operation.as_str())
    }

    /// Whether only a part of the object is written, such as its status.
    pub(super) fn is_about_a_part(&self) -> bool {
        !self.part.is_empty()
    }

    /// The same question about another object.
    pub(super) fn with(&self, object: &Value) -> Value {
        self.review(&self.operation, &self.part, object, self.old.as_ref())
    }

    /// The question about an object that its author writes again as it is.
    pub(super) fn update(&self, object: &Value, part: &str) -> Value {
        self.review("UPDATE", part, object, Some(object))
    }

    fn review(&self, operation: &str, part: &str, object: &Value, old: Option<&Value>) -> Value {
        let mut request = json!({
            "uid": "again", "operation": operation, "subResource": part, "object": object, "oldObject": old,
        });
        // What was missing stays missing: it is not the same as null.
        for (name, value) in [("kind", &self.gvk), ("userInfo", &self.user)] {
            if !value.is_null() {
                request[name] = value.clone();
            }
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    api_version: String,
    kind: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Response {
    uid: String,
    allowed: bool,
    status: Option<Status>,
    patch: Option<k8s_openapi::ByteString>,
    patch_type: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    metadata: serde_json::Map<String, Value>,
    status: String,
    message: String,
    reason: String,
    code: u16,
}

/// An answer that was found to be in order by itself.
pub(super) struct Answer {
    api_version: String,
    kind: String,
    uid: String,
    pub(super) allowed: bool,
    pub(super) message: Option<String>,
    pub(super) patch: Option<json_patch::Patch>,
}

impl Answer {
    pub(super) fn read(text: &[u8]) -> Self {
        let Envelope {
            api_version,
            kind,
            response,
        } = serde_json::from_slice(text).expect("an answer has the form of the API");
        let Response {
            uid,
            allowed,
            status,
            patch,
            patch_type,
            warnings,
        } = response;
        assert_eq!(patch.is_some(), patch_type.is_some(), "a patch has a type");
        assert!(patch_type.is_none_or(|type_| type_ == "JSONPatch"));
        assert_eq!(
            allowed,
            status.is_none(),
            "a denial says why, and nothing else does"
        );
        assert!(allowed || patch.is_none(), "what is denied is not changed");
        // The API server drops control characters, and a warning has to be one line.
        let is_line = |text: &String| !text.is_empty() && !text.contains('\n');
        assert!(warnings.iter().all(is_line), "{warnings:?}");
        let message = status.map(|status| {
            let Status {
                metadata,
                status,
                message,
                reason,
                code,
            } = status;
            assert!(metadata.is_empty());
            assert_eq!(
                (status.as_str(), reason.as_str(), code),
                ("Failure", "BadRequest", 400)
            );
            let stage = STAGES.iter().find_map(|stage| message.strip_prefix(stage));
            assert!(stage.is_some_and(|cause| !cause.is_empty()), "{message:?}");
            message
        });
        let patch =
            patch.map(|json| serde_json::from_slice(&json.0).expect("a patch is one of RFC 6902"));
        Self {
            api_version,
            kind,
            uid,
            allowed,
            message,
            patch,
        }
    }

    /// It answers this very question.
    pub(super) fn fits(&self, asked: &Asked) {
        assert_eq!(
            (&self.api_version, &self.kind, &self.uid),
            (&asked.api_version, &asked.kind, &asked.uid)
        );
    }
}

/// An answer grows with the question at most so much.
pub(super) fn is_bounded(asked: usize, answer: &[u8]) {
    let bound = FRAME + GROWTH * asked;
    assert!(
        answer.len() <= bound,
        "{} bytes about {asked}",
        answer.len()
    );
}
