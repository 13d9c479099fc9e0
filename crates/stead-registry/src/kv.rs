//! The key-value store: how an entry is kept, and the operations that change one.
//!
//! A stored value is a version byte, the flags, the lock index (both big-endian), the length of
//! the session's name, that name, and the client's bytes as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use stead_api::consul::KvPair;
use stead_store::{Entry, Guard, KeyRange, Revision, Txn, Write};

use crate::keys::{self, Grave};
use crate::{Registry, RegistryError};

const VERSION: u8 = 1;
/// Tree deletions up to this many keys leave one tombstone a key, so that they advance nothing
/// else; larger ones leave a single one for the whole tree.
const TREE_TOMBSTONES_MAX: usize = 32;

/// A key's value with its history numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// The bytes.
    pub value: Bytes,
    /// Free for the client.
    pub flags: u64,
    /// How often a session acquired it.
    pub lock_index: u64,
    /// The session that holds it.
    pub session: Option<String>,
    /// The revision that created it.
    pub created: Revision,
    /// The revision that changed it last.
    pub modified: Revision,
}

impl KvEntry {
    pub(crate) fn from_stored(entry: &Entry) -> Option<Self> {
        let mut rest = entry.value.clone();
        if rest.len() < 18 || rest.get_u8() != VERSION {
            return None;
        }
        let (flags, lock_index) = (rest.get_u64(), rest.get_u64());
        let length = usize::from(rest.get_u8());
        if rest.len() < length {
            return None;
        }
        let session = rest.split_to(length);
        let session = match length {
            0 => None,
            _ => Some(String::from_utf8(session.to_vec()).ok()?),
        };
        Some(Self {
            value: rest,
            flags,
            lock_index,
            session,
            created: entry.created,
            modified: entry.modified,
        })
    }

    pub(crate) fn pair(&self, key: &[u8]) -> KvPair {
        KvPair {
            lock_index: self.lock_index,
            key: String::from_utf8_lossy(key).into_owned(),
            flags: self.flags,
            value: (!self.value.is_empty()).then(|| STANDARD.encode(&self.value)),
            session: self.session.clone(),
            create_index: self.created.0,
            modify_index: self.modified.0,
        }
    }
}

fn stored(value: &[u8], flags: u64, kept: Option<&KvEntry>) -> Bytes {
    let session = kept
        .and_then(|entry| entry.session.as_deref())
        .unwrap_or("");
    let mut out = BytesMut::with_capacity(18 + session.len() + value.len());
    out.put_u8(VERSION);
    out.put_u64(flags);
    out.put_u64(kept.map_or(0, |entry| entry.lock_index));
    // A session's name is a UUID; one that could not be written was never taken in.
    let length = u8::try_from(session.len()).unwrap_or(0);
    out.put_u8(length);
    out.put_slice(&session.as_bytes()[..usize::from(length)]);
    out.put_slice(value);
    out.freeze()
}

/// The condition of a write, on the key's `ModifyIndex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cas {
    /// None.
    Always,
    /// Only if the key is not there.
    Create,
    /// Only if the key was last changed by this revision.
    Unchanged(Revision),
}

impl Cas {
    /// As clients spell it: 0 creates only.
    pub fn from_index(index: u64) -> Self {
        match index {
            0 => Self::Create,
            index => Self::Unchanged(Revision(index)),
        }
    }

    fn allows(self, entry: Option<&KvEntry>) -> bool {
        match self {
            Self::Always => true,
            Self::Create => entry.is_none(),
            Self::Unchanged(at) => entry.is_some_and(|entry| entry.modified == at),
        }
    }
}

impl Registry {
    /// The entry of a key, as this view has it.
    pub fn kv_get(&self, key: &str) -> Option<KvEntry> {
        self.view().kv.get(key.as_bytes()).cloned()
    }

    /// Sets a key; `false` if the condition does not hold.
    ///
    /// A session that holds the key keeps it. A value and flags that are there already change
    /// nothing, not even the index.
    pub async fn kv_put(
        &self,
        key: &str,
        value: Bytes,
        flags: u64,
        cas: Cas,
    ) -> Result<bool, RegistryError> {
        self.check_key(key)?;
        let limit = self.limits().value.saturating_sub(512);
        if value.len() > limit {
            return Err(RegistryError::TooLarge {
                what: "value",
                size: value.len(),
                limit,
            });
        }
        let (place, key) = (
            keys::kv(key.as_bytes()),
            Bytes::copy_from_slice(key.as_bytes()),
        );
        self.change(&place, |view| {
            let old = view.kv.get(&key);
            let guard = hold(&place, old);
            if !cas.allows(old) {
                return Ok((
                    Txn {
                        guards: vec![guard],
                        writes: vec![],
                    },
                    false,
                ));
            }
            if old.is_some_and(|old| old.value == value && old.flags == flags) {
                return Ok((
                    Txn {
                        guards: vec![guard],
                        writes: vec![],
                    },
                    true,
                ));
            }
            let mut writes = vec![Write::Put {
                key: place.clone(),
                value: stored(&value, flags, old),
                lease: None,
            }];
            if view.dead_keys.contains_key(&key) {
                writes.push(Write::Delete(keys::grave(&Grave::Key(key.clone()))));
            }
            Ok((
                Txn {
                    guards: vec![guard],
                    writes,
                },
                true,
            ))
        })
        .await
    }

    /// Deletes a key; `false` if the condition does not hold. A missing key is no error.
    pub async fn kv_delete(&self, key: &str, cas: Cas) -> Result<bool, RegistryError> {
        self.check_key(key)?;
        let (place, key) = (
            keys::kv(key.as_bytes()),
            Bytes::copy_from_slice(key.as_bytes()),
        );
        self.change(&place, |view| {
            let old = view.kv.get(&key);
            let guards = vec![hold(&place, old)];
            if old.is_none() {
                return Ok((
                    Txn {
                        guards,
                        writes: vec![],
                    },
                    true,
                ));
            }
            if !cas.allows(old) {
                return Ok((
                    Txn {
                        guards,
                        writes: vec![],
                    },
                    false,
                ));
            }
            let writes = vec![Write::Delete(place.clone()), bury(&Grave::Key(key.clone()))];
            Ok((Txn { guards, writes }, true))
        })
        .await
    }

    /// Deletes every key with this prefix, in one transaction; the empty prefix is every key.
    pub async fn kv_delete_tree(&self, prefix: &str) -> Result<(), RegistryError> {
        let range = KeyRange::prefix(keys::kv(prefix.as_bytes()));
        let prefix = Bytes::copy_from_slice(prefix.as_bytes());
        let turn = range.start.clone();
        self.change(&turn, |view| {
            let doomed: Vec<&Bytes> = view
                .below(&prefix)
                .map(|(key, _)| key)
                .take(TREE_TOMBSTONES_MAX + 1)
                .collect();
            // A key written since would be deleted without a tombstone of its own.
            let guards = vec![Guard::Unchanged(range.clone(), view.revision)];
            let mut writes = Vec::new();
            if !doomed.is_empty() {
                writes.push(Write::DeleteRange(range.clone()));
                if doomed.len() > TREE_TOMBSTONES_MAX {
                    writes.push(bury(&Grave::Tree(prefix.clone())));
                } else {
                    writes.extend(
                        doomed
                            .into_iter()
                            .cloned()
                            .map(|key| bury(&Grave::Key(key))),
                    );
                }
            }
            Ok((Txn { guards, writes }, ()))
        })
        .await
    }

    fn check_key(&self, key: &str) -> Result<(), RegistryError> {
        if key.is_empty() {
            return Err(RegistryError::EmptyKey);
        }
        // The tombstone's key is the longest that is made of it.
        let limit = self.limits().key.saturating_sub(8);
        if key.len() > limit {
            return Err(RegistryError::TooLarge {
                what: "key",
                size: key.len(),
                limit,
            });
        }
        Ok(())
    }
}

pub(crate) fn bury(grave: &Grave) -> Write {
    Write::Put {
        key: keys::grave(grave),
        value: Bytes::new(),
        lease: None,
    }
}

fn hold(place: &Bytes, entry: Option<&KvEntry>) -> Guard {
    match entry {
        Some(entry) => Guard::Modified(place.clone(), entry.modified),
        None => Guard::Absent(place.clone()),
    }
}
