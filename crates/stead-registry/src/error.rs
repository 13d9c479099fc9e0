use stead_store::StoreError;

/// Why the registry did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A registration or deregistration without a node.
    #[error("Must provide node")]
    MissingNode,
    /// A node is registered without an address.
    #[error("Must provide address if SkipNodeUpdate is not set")]
    MissingAddress,
    /// A service is registered without a name.
    #[error("Must provide service name with ID")]
    MissingServiceName,
    /// A check is registered without an id and a name.
    #[error("Must provide a check id or name")]
    MissingCheckName,
    /// A service or check is put on a node that is not there.
    #[error("node {node:?} is not registered")]
    NoSuchNode {
        /// The node.
        node: String,
    },
    /// A check is put on a service that is not there.
    #[error("Missing service registration on node {node:?}: {id:?}")]
    NoSuchService {
        /// The node.
        node: String,
        /// The instance.
        id: String,
    },
    /// The check is not there.
    #[error("Unknown check ID {id:?}")]
    NoSuchCheck {
        /// The check.
        id: String,
    },
    /// A verdict was given for a check that does not wait for one.
    #[error("CheckID {id:?} does not have associated TTL")]
    NoTtl {
        /// The check.
        id: String,
    },
    /// The service is not there.
    #[error("ServiceID {id:?} does not exist")]
    UnknownService {
        /// The instance.
        id: String,
    },
    /// A check's definition makes no sense.
    #[error("Invalid check: {why}")]
    InvalidCheck {
        /// What is wrong.
        why: String,
    },
    /// A name that cannot be kept.
    #[error("{what} {name:?} {why}")]
    InvalidName {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The empty key.
    #[error("Missing key name")]
    EmptyKey,
    /// A bound was exceeded.
    #[error("the {what} of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Which bound.
        what: &'static str,
        /// What was asked for.
        size: usize,
        /// The bound.
        limit: usize,
    },
    /// Others kept changing the same things.
    #[error("gave up after {tries} attempts: others keep changing the same records")]
    Contended {
        /// How often it was tried.
        tries: usize,
    },
    /// The store refused or failed.
    #[error("the store did not take the change")]
    Store(#[source] StoreError),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[source] StoreError),
    /// The store holds something else.
    #[error("the store has layout {found:?}, this version reads {known:?}")]
    Layout {
        /// What is there.
        found: String,
        /// What is understood.
        known: &'static str,
    },
    /// The registry was closed.
    #[error("the registry is closed")]
    Closed,
}
