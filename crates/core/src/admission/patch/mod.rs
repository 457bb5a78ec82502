//! JSON patches (RFC 6902) from an object as it was written to what its type writes.

mod beside;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde::de::Deserialize as _;
use serde_json::Value;

use crate::json::Node;
use beside::{Beside, Stop};

/// One step of a patch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts a value where there was none.
    Add {
        /// JSON pointer.
        path: String,
        /// The value.
        value: Value,
    },
    /// Takes a value away.
    Remove {
        /// JSON pointer.
        path: String,
    },
    /// Puts a value in the place of another.
    Replace {
        /// JSON pointer.
        path: String,
        /// The value.
        value: Value,
    },
}

/// The steps that turn what is written at `path`, a JSON pointer, into what `typed` writes; `None` if nothing is
/// there yet. Lists of differing length are replaced as a whole.
///
/// Empty lists that nobody wrote are left out. The types write a list that must be there even when it is
/// absent; then it is for the API server's schema to ask for it.
///
/// # Errors
/// If the type has no form in JSON.
pub fn diff(
    path: &str,
    written: Option<&Node<'_>>,
    typed: &impl Serialize,
) -> Result<Vec<Operation>, serde_json::Error> {
    let mut walk = Walk::default();
    match walk.compare(&Path::Root(path), written, typed) {
        Err(Stop::Failed(error)) => Err(error),
        Ok(()) | Err(Stop::Differs) => Ok(walk.steps),
    }
}

/// What the comparison found so far.
#[derive(Default)]
struct Walk {
    steps: Vec<Operation>,
    /// Which members of the written objects that are being compared their types write, too.
    kept: Vec<bool>,
}

impl Walk {
    fn compare<T: Serialize + ?Sized>(
        &mut self,
        path: &Path<'_>,
        from: Option<&Node<'_>>,
        to: &T,
    ) -> Result<(), Stop> {
        let (steps, kept) = (self.steps.len(), self.kept.len());
        if let Some(from) = from {
            let walk = &mut *self;
            match to.serialize(Beside { walk, path, from }) {
                Err(Stop::Differs) => {
                    self.steps.truncate(steps);
                    self.kept.truncate(kept);
                }
                done => return done,
            }
        }
        let mut value = serde_json::to_value(to)?;
        leave_out_new_lists(from, &mut value);
        let path = || path.to_string();
        match from {
            None if is_empty_list(&value) => {}
            None => self.steps.push(Operation::Add {
                path: path(),
                value,
            }),
            Some(from) if Node::deserialize(&value)? == *from => {}
            Some(_) => self.steps.push(Operation::Replace {
                path: path(),
                value,
            }),
        }
        Ok(())
    }
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// Takes empty lists that nobody wrote out of a value that is put into a patch.
fn leave_out_new_lists(written: Option<&Node<'_>>, typed: &mut Value) {
    match typed {
        Value::Object(members) => {
            let written = |name: &str| written.and_then(|object| object.get(name));
            members.retain(|name, value| !is_empty_list(value) || written(name).is_some());
            for (name, value) in members {
                leave_out_new_lists(written(name), value);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                leave_out_new_lists(written.and_then(|list| list.item(i)), item);
            }
        }
        _ => {}
    }
}

/// Where the comparison stands, spelled out as a JSON pointer only where something differs.
enum Path<'a> {
    Root(&'a str),
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path) => f.write_str(path),
            Self::Item(list, index) => write!(f, "{list}/{index}"),
            Self::Member(object, name) => {
                write!(f, "{object}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}
