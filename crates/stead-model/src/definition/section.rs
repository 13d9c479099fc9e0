//! The macro that makes a section: one list of fields gives the struct, its defaults, its JSON,
//! its table of keys and its decoder, so that none of them can drift from another.

/// Declares a section. Each line is a key: what it means, its name, its type, its default. A
/// section with a `required` key has no `Default` but a constructor that takes that key.
macro_rules! section {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $($(#[doc = $key_doc:literal])+ $key:ident : $type:ty = $default:expr;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $key_doc])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }
    };
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $(#[doc = $required_doc:literal])+ required $required:ident : $required_type:ty;
            $($(#[doc = $key_doc:literal])+ $key:ident : $type:ty = $default:expr;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = $required_doc])+ pub $required: $required_type,
            $($(#[doc = $key_doc])+ pub $key: $type,)+
        }

        impl $name {
            /// Everything but what is given is at its default.
            pub fn new($required: $required_type) -> Self {
                Self { $required, $($key: $default,)+ }
            }
        }
    };
}

pub(super) use section;
