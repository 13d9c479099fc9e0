//! Where things lie in the store.
//!
//! A key is a kind byte, NUL, and parts separated by NUL; the last part may hold any byte. The
//! kinds sort so that a check precedes its output, and a node its services.
//!
//! | key | value |
//! |---|---|
//! | `a NODE s ID` | the agent's definition of a service, JSON |
//! | `a NODE c ID` | the agent's definition of a check, JSON |
//! | `f` | the layout's version |
//! | `k NODE ID` | a check without its output, JSON |
//! | `n NODE` | a node, JSON |
//! | `o NODE ID` | a check's output, text |
//! | `s NODE ID` | a service instance, JSON |
//! | `t KIND NAME` | a tombstone: its revision is when something of that kind was deleted |
//! | `t F` | the floor: a revision below which tombstones were forgotten |
//! | `v KEY` | a key of the key-value store, see [`crate::kv`] |

use bytes::{BufMut, Bytes, BytesMut};

use crate::Name;

/// A key of the store, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Node(Name),
    Service(Name, Name),
    Check(Name, Name),
    Output(Name, Name),
    AgentService(Name, Name),
    AgentCheck(Name, Name),
    Kv(Bytes),
    Grave(Grave),
    Floor,
    Format,
}

/// What a deletion took something from, and so whose index it advances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Grave {
    /// The list of nodes.
    Nodes,
    /// A node, or what is on it.
    Node(Name),
    /// The checks on a node.
    NodeChecks(Name),
    /// The list of services.
    Services,
    /// The instances of a service.
    Service(Name),
    /// The checks of a service.
    ServiceChecks(Name),
    /// The checks of all nodes.
    Checks,
    /// One key.
    Key(Bytes),
    /// Every key with this prefix.
    Tree(Bytes),
}

pub(crate) fn format() -> Bytes {
    Bytes::from_static(b"f")
}

pub(crate) fn floor() -> Bytes {
    Bytes::from_static(b"t\0F")
}

pub(crate) fn node(node: &str) -> Bytes {
    join(b'n', &[node.as_bytes()])
}

pub(crate) fn service(node: &str, id: &str) -> Bytes {
    join(b's', &[node.as_bytes(), id.as_bytes()])
}

pub(crate) fn check(node: &str, id: &str) -> Bytes {
    join(b'k', &[node.as_bytes(), id.as_bytes()])
}

pub(crate) fn output(node: &str, id: &str) -> Bytes {
    join(b'o', &[node.as_bytes(), id.as_bytes()])
}

pub(crate) fn agent(node: &str) -> Bytes {
    join(b'a', &[node.as_bytes(), b""])
}

pub(crate) fn agent_service(node: &str, id: &str) -> Bytes {
    join(b'a', &[node.as_bytes(), b"s", id.as_bytes()])
}

pub(crate) fn agent_check(node: &str, id: &str) -> Bytes {
    join(b'a', &[node.as_bytes(), b"c", id.as_bytes()])
}

pub(crate) fn kv(key: &[u8]) -> Bytes {
    join(b'v', &[key])
}

pub(crate) fn grave(grave: &Grave) -> Bytes {
    let (kind, name): (&[u8], &[u8]) = match grave {
        Grave::Nodes => (b"N", b""),
        Grave::Node(name) => (b"n", name.as_bytes()),
        Grave::NodeChecks(name) => (b"m", name.as_bytes()),
        Grave::Services => (b"S", b""),
        Grave::Service(name) => (b"s", name.as_bytes()),
        Grave::ServiceChecks(name) => (b"h", name.as_bytes()),
        Grave::Checks => (b"K", b""),
        Grave::Key(key) => (b"k", key),
        Grave::Tree(key) => (b"p", key),
    };
    join(b't', &[kind, name])
}

fn join(kind: u8, parts: &[&[u8]]) -> Bytes {
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>() + 1;
    let mut key = BytesMut::with_capacity(length);
    key.put_u8(kind);
    for part in parts {
        key.put_u8(0);
        key.put_slice(part);
    }
    key.freeze()
}

/// Takes a key apart; `None` for one this layout does not know.
pub(crate) fn parse(key: &Bytes) -> Option<Place> {
    let kind = *key.first()?;
    if key.len() == 1 {
        return (kind == b'f').then_some(Place::Format);
    }
    if key[1] != 0 {
        return None;
    }
    let rest = key.slice(2..);
    Some(match kind {
        b'n' => Place::Node(text(&rest)?),
        b's' => pair(&rest, Place::Service)?,
        b'k' => pair(&rest, Place::Check)?,
        b'o' => pair(&rest, Place::Output)?,
        b'v' => Place::Kv(rest),
        b'a' => {
            let (node, rest) = split(&rest)?;
            let (kind, id) = split(&rest)?;
            match &kind[..] {
                b"s" => Place::AgentService(text(&node)?, text(&id)?),
                b"c" => Place::AgentCheck(text(&node)?, text(&id)?),
                _ => return None,
            }
        }
        b't' if &rest[..] == b"F" => Place::Floor,
        b't' => {
            let (kind, name) = split(&rest)?;
            Place::Grave(match &kind[..] {
                b"N" => Grave::Nodes,
                b"n" => Grave::Node(text(&name)?),
                b"m" => Grave::NodeChecks(text(&name)?),
                b"S" => Grave::Services,
                b"s" => Grave::Service(text(&name)?),
                b"h" => Grave::ServiceChecks(text(&name)?),
                b"K" => Grave::Checks,
                b"k" => Grave::Key(name),
                b"p" => Grave::Tree(name),
                _ => return None,
            })
        }
        _ => return None,
    })
}

fn pair(rest: &Bytes, place: fn(Name, Name) -> Place) -> Option<Place> {
    let (node, id) = split(rest)?;
    Some(place(text(&node)?, text(&id)?))
}

fn split(rest: &Bytes) -> Option<(Bytes, Bytes)> {
    let at = rest.iter().position(|byte| *byte == 0)?;
    Some((rest.slice(..at), rest.slice(at + 1..)))
}

fn text(part: &Bytes) -> Option<Name> {
    std::str::from_utf8(part).ok().map(Name::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart_as_they_were_put_together() {
        let (a, b) = (Name::from("a"), Name::from("app#1 ü/x"));
        for (key, place) in [
            (format(), Place::Format),
            (floor(), Place::Floor),
            (node(&b), Place::Node(b.clone())),
            (service(&a, &b), Place::Service(a.clone(), b.clone())),
            (check(&a, &b), Place::Check(a.clone(), b.clone())),
            (output(&a, &b), Place::Output(a.clone(), b.clone())),
            (
                agent_service(&a, &b),
                Place::AgentService(a.clone(), b.clone()),
            ),
            (agent_check(&a, &b), Place::AgentCheck(a, b)),
            (kv(b"x\0y"), Place::Kv(Bytes::from_static(b"x\0y"))),
        ] {
            assert_eq!(parse(&key), Some(place));
        }
        for g in [
            Grave::Nodes,
            Grave::Node("n".into()),
            Grave::NodeChecks("n".into()),
            Grave::Services,
            Grave::Service("s".into()),
            Grave::ServiceChecks("s".into()),
            Grave::Checks,
            Grave::Key(Bytes::from_static(b"a\0b")),
            Grave::Tree(Bytes::new()),
        ] {
            assert_eq!(parse(&grave(&g)), Some(Place::Grave(g)));
        }
        for odd in [&b""[..], b"n", b"z\0x", b"s\0x", b"t\0", b"t\0q\0x", b"nx"] {
            assert_eq!(parse(&Bytes::from_static(odd)), None);
        }
    }
}
