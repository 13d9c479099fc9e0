use bytes::Bytes;
use stead_api::consul::Status;
use stead_store::Revision;

use crate::Name;

/// One thing a query can ask for, and so one thing that can change under a watcher.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    /// The list of nodes.
    Nodes,
    /// A node and its services.
    Node(Name),
    /// The checks on a node.
    NodeChecks(Name),
    /// The names of services with their tags.
    Services,
    /// Any instance of any service.
    AnyInstance,
    /// The instances of a service, with their nodes.
    Instances(Name),
    /// The instances of a service, with their nodes and checks.
    Health(Name),
    /// The checks of a service.
    ServiceChecks(Name),
    /// The checks in a state, or all.
    Checks(Option<Status>),
    /// One key.
    Key(Bytes),
    /// Every key with this prefix.
    Tree(Bytes),
}

/// How old a cell is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The revision that changed it in a way that watchers are told of.
    pub(crate) index: Revision,
    /// The revision that changed it in any way, a check's output included.
    pub(crate) content: Revision,
}
