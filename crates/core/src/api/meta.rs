//! What every kind has in common: the object envelope and the first fields of a status.

use kube::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{ConditionSet, Conditions};

/// Where an object can be reached, as written in `status.address`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Addressable {
    /// Name of the address among several; Serving leaves it empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// PEM bundle of the authority that signed the endpoint's certificate.
    #[serde(rename = "CACerts", skip_serializing_if = "Option::is_none")]
    pub ca_certs: Option<String>,
    /// OIDC audience of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

impl Addressable {
    /// An address that is only a URL, which is all that Serving fills in.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            ..Self::default()
        }
    }
}

/// A status that carries conditions and the generation they speak of.
pub trait Status: Default {
    /// The condition types of the kind.
    type Condition: ConditionSet;

    /// The conditions.
    fn conditions(&self) -> &Conditions<Self::Condition>;
    /// The conditions, to be changed.
    fn conditions_mut(&mut self) -> &mut Conditions<Self::Condition>;
    /// The generation that the main controller of the kind processed last; 0 if none.
    fn observed_generation(&self) -> i64;
    /// Records the generation that was processed.
    fn set_observed_generation(&mut self, generation: i64);
}

/// An object whose status says whether it is ready.
pub trait Conditioned: Resource<DynamicType = ()> {
    /// The status type of the kind.
    type Status: Status;

    /// The status, if one was ever written.
    fn status(&self) -> Option<&Self::Status>;
    /// The status, created empty when there is none.
    fn status_mut(&mut self) -> &mut Self::Status;

    /// Whether the controller has seen the present generation.
    fn is_current(&self) -> bool {
        self.status()
            .is_some_and(|s| s.observed_generation() == self.meta().generation.unwrap_or_default())
    }

    /// Ready for the present generation.
    fn is_ready(&self) -> bool {
        self.is_current() && self.status().is_some_and(|s| s.conditions().is_ready())
    }

    /// Failed for the present generation.
    fn is_failed(&self) -> bool {
        self.is_current() && self.status().is_some_and(|s| s.conditions().is_failed())
    }
}

/// Declares the object around a spec and a status.
///
/// `kube`'s `CustomResource` derive makes `spec` mandatory on decode. Neither the schemas nor all
/// kinds pass admission, so one object without a spec would end the watch of its whole kind;
/// hence this macro, in which `metadata` and `spec` default.
macro_rules! object {
    (
        $(#[$doc:meta])*
        $kind:ident, $group:literal, $version:literal, $plural:literal, $scope:ident, $spec:ty $(, $status:ty)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        pub struct $kind {
            /// Standard object metadata.
            #[serde(default)]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is wanted.
            #[serde(default, deserialize_with = "super::wire::null_is_empty")]
            pub spec: $spec,
            $(
                /// What was seen; absent until a controller wrote it.
                #[serde(default)]
                pub status: Option<$status>,
            )?
        }

        impl $kind {
            /// An object of this name with this spec and no status.
            #[must_use]
            pub fn new(name: &str, spec: $spec) -> Self {
                Self {
                    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                        name: Some(name.to_owned()),
                        ..Default::default()
                    },
                    spec,
                    $(status: Option::<$status>::None,)?
                }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("apiVersion", concat!($group, "/", $version))?;
                map.serialize_entry("kind", stringify!($kind))?;
                map.serialize_entry("metadata", &self.metadata)?;
                map.serialize_entry("spec", &self.spec)?;
                $(
                    let status: &Option<$status> = &self.status;
                    if let Some(status) = status {
                        map.serialize_entry("status", status)?;
                    }
                )?
                map.end()
            }
        }

        impl kube::Resource for $kind {
            type DynamicType = ();
            type Scope = kube::core::$scope;

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                stringify!($kind).into()
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }

        impl kube::core::object::HasSpec for $kind {
            type Spec = $spec;

            fn spec(&self) -> &$spec {
                &self.spec
            }
            fn spec_mut(&mut self) -> &mut $spec {
                &mut self.spec
            }
        }

        $(
            impl $crate::api::meta::Conditioned for $kind {
                type Status = $status;

                fn status(&self) -> Option<&$status> {
                    self.status.as_ref()
                }
                fn status_mut(&mut self) -> &mut $status {
                    self.status.get_or_insert_default()
                }
            }
        )?
    };
}
pub(crate) use object;

/// Implements [`Status`] for a struct with the fields `observed_generation` and `conditions`.
macro_rules! status {
    ($status:ty, $condition:ty) => {
        impl $crate::api::meta::Status for $status {
            type Condition = $condition;

            fn conditions(&self) -> &$crate::api::condition::Conditions<$condition> {
                &self.conditions
            }
            fn conditions_mut(&mut self) -> &mut $crate::api::condition::Conditions<$condition> {
                &mut self.conditions
            }
            fn observed_generation(&self) -> i64 {
                self.observed_generation
            }
            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = generation;
            }
        }
    };
}
pub(crate) use status;
