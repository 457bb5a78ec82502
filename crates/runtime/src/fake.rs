//! An API server in memory, for tests: it keeps objects, checks resource versions and writes down what it is asked.
//!
//! It knows nothing of schemas, defaults, watches or admission; a test that needs those needs a real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

/// One request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Such as `PATCH`.
    pub method: Method,
    /// Without the query.
    pub path: String,
    /// Without the question mark; empty if there is none.
    pub query: String,
    /// `Value::Null` if there is none.
    pub body: Value,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    asked: Vec<Asked>,
    away: bool,
    normalise: Option<fn(&mut Value)>,
}

/// The server. Cheap to clone; all clones are the same server.
#[derive(Clone, Debug, Default)]
pub struct Api(Arc<Mutex<State>>);

impl Api {
    /// An empty server.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that talks to it.
    pub fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let (head, body) = request.into_parts();
                let bytes = body.collect_bytes().await.unwrap_or_default();
                let (status, answer) = api.0.lock().answer(&head, &bytes);
                let body = Body::from(answer.to_string().into_bytes());
                let mut response = Response::new(body);
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    /// Puts an object at `path`, such as `/api/v1/namespaces/ns/pods/a`.
    pub fn put(&self, path: &str, object: Value) {
        self.0.lock().store(path, object);
    }

    /// What is at `path` now.
    pub fn object(&self, path: &str) -> Option<Value> {
        self.0.lock().objects.get(path).cloned()
    }

    /// Takes away what is at `path`.
    pub fn remove(&self, path: &str) {
        self.0.lock().objects.remove(path);
    }

    /// Makes the server answer 503 to everything, or end that.
    pub fn set_away(&self, away: bool) {
        self.0.lock().away = away;
    }

    /// Changes every object before it is stored, as defaults and normal forms of a real server do.
    pub fn set_normalise(&self, normalise: fn(&mut Value)) {
        self.0.lock().normalise = Some(normalise);
    }

    /// What was asked since the last call.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.lock().asked)
    }

    /// The writes since the last call, as `VERB path`.
    pub fn take_writes(&self) -> Vec<String> {
        let writes = self
            .take_asked()
            .into_iter()
            .filter(|asked| asked.method != Method::GET);
        writes
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }
}

impl State {
    fn answer(&mut self, head: &http::request::Parts, bytes: &[u8]) -> (StatusCode, Value) {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let asked = Asked {
            method: head.method.clone(),
            path: path.clone(),
            query: query.clone(),
            body: body.clone(),
        };
        self.asked.push(asked);
        if self.away {
            return failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
        }
        match head.method {
            Method::GET => match self.objects.get(&path) {
                Some(object) => (StatusCode::OK, object.clone()),
                None => failure(StatusCode::NOT_FOUND, "NotFound"),
            },
            Method::POST => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default();
                let path = format!("{path}/{name}");
                if self.objects.contains_key(&path) {
                    return failure(StatusCode::CONFLICT, "AlreadyExists");
                }
                (StatusCode::CREATED, self.store(&path, body))
            }
            Method::DELETE => match self.objects.remove(&path) {
                Some(_) => (
                    StatusCode::OK,
                    json!({"kind": "Status", "status": "Success"}),
                ),
                None => failure(StatusCode::NOT_FOUND, "NotFound"),
            },
            Method::PUT | Method::PATCH => self.change(&path, &query, &head.method, body),
            _ => failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        }
    }

    fn change(
        &mut self,
        path: &str,
        query: &str,
        method: &Method,
        body: Value,
    ) -> (StatusCode, Value) {
        let path = path.strip_suffix("/status").unwrap_or(path);
        let manager = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("fieldManager="));
        let old = self.objects.get(path).cloned();
        let Some(mut new) = old.clone().or_else(|| manager.map(|_| json!({}))) else {
            return failure(StatusCode::NOT_FOUND, "NotFound");
        };
        let given = &body["metadata"]["resourceVersion"];
        if given.is_string() && *given != new["metadata"]["resourceVersion"] {
            return failure(StatusCode::CONFLICT, "Conflict");
        }
        if *method == Method::PUT {
            new = body;
        } else if let Value::Array(operations) = &body {
            edit(&mut new, operations);
        } else {
            merge(&mut new, &body);
            if let Some(manager) = manager {
                let fields =
                    json!([{"manager": manager, "operation": "Apply", "fieldsV1": owned(&body)}]);
                new["metadata"]["managedFields"] = fields;
            }
        }
        let unchanged = old.as_ref() == Some(&new);
        (
            StatusCode::OK,
            if unchanged {
                new
            } else {
                self.store(path, new)
            },
        )
    }

    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if !object["metadata"]["uid"].is_string() {
            object["metadata"]["uid"] = format!("uid-{}", self.version).into();
        }
        if let Some(normalise) = self.normalise {
            normalise(&mut object);
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

fn failure(code: StatusCode, reason: &str) -> (StatusCode, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code.as_u16(), "reason": reason, "message": reason,
    });
    (code, status)
}

/// RFC 6902, of which it knows how to add a member to an object, or to replace it.
fn edit(target: &mut Value, operations: &[Value]) {
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let (parent, member) = path.rsplit_once('/').unwrap_or_default();
        if let Some(parent) = target.pointer_mut(parent) {
            parent[member] = operation["value"].clone();
        }
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().map(|target| target.remove(name));
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// `fieldsV1` of an applied body, lists as atoms.
fn owned(body: &Value) -> Value {
    let Value::Object(members) = body else {
        return json!({});
    };
    let not_owned = ["apiVersion", "kind", "name", "namespace"];
    let fields = members
        .iter()
        .filter(|(name, _)| !not_owned.contains(&name.as_str()));
    Value::Object(
        fields
            .map(|(name, value)| (format!("f:{name}"), owned(value)))
            .collect::<Map<_, _>>(),
    )
}
