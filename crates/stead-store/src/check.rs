//! What every engine asks of a transaction before it looks at the store.

use crate::{Guard, Key, KeyRange, Limits, StoreError, Txn, Write};

impl Default for Limits {
    /// Keys of 4 KiB, values of 1 MiB, 128 operations, transactions of 1.25 MiB: what fits etcd's
    /// defaults (128 operations and 1.5 MiB a request, encoding included).
    fn default() -> Self {
        Self {
            key: 4 << 10,
            value: 1 << 20,
            operations: 128,
            transaction: (1 << 20) + (256 << 10),
        }
    }
}

impl Limits {
    /// Refuses a transaction that is over a limit or writes a key twice.
    ///
    /// A key that is put and also lies in a deleted range is written twice, and so are the keys
    /// that two deleted ranges share.
    pub fn check(&self, txn: &Txn) -> Result<(), StoreError> {
        within("number of operations", txn.operations(), self.operations)?;
        for key in txn.keys() {
            within("key size", key.len(), self.key)?;
        }
        for write in &txn.writes {
            if let Write::Put { value, .. } = write {
                within("value size", value.len(), self.value)?;
            }
        }
        within("transaction size", txn.size(), self.transaction)?;
        check_distinct(txn)
    }
}

impl Txn {
    /// Guards plus writes.
    pub fn operations(&self) -> usize {
        self.guards.len() + self.writes.len()
    }

    /// The bytes of all keys and values.
    pub fn size(&self) -> usize {
        let values = self.writes.iter().map(|write| match write {
            Write::Put { value, .. } => value.len(),
            Write::Delete(_) | Write::DeleteRange(_) => 0,
        });
        self.keys().map(Key::len).chain(values).sum()
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        let guards = self.guards.iter().flat_map(|guard| match guard {
            Guard::Absent(key) | Guard::Exists(key) | Guard::Modified(key, _) => [Some(key), None],
            Guard::Unchanged(range, _) => range.bounds(),
        });
        let writes = self.writes.iter().flat_map(|write| match write {
            Write::Put { key, .. } | Write::Delete(key) => [Some(key), None],
            Write::DeleteRange(range) => range.bounds(),
        });
        guards.chain(writes).flatten()
    }
}

impl KeyRange {
    fn bounds(&self) -> [Option<&Key>; 2] {
        [Some(&self.start), self.end.as_ref()]
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

fn check_distinct(txn: &Txn) -> Result<(), StoreError> {
    let mut keys: Vec<&Key> = Vec::new();
    let mut ranges: Vec<&KeyRange> = Vec::new();
    for write in &txn.writes {
        match write {
            Write::Put { key, .. } | Write::Delete(key) => keys.push(key),
            Write::DeleteRange(range) if range.is_empty() => {}
            Write::DeleteRange(range) => ranges.push(range),
        }
    }
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(StoreError::DuplicateKey(twice[0].clone()));
    }
    if let Some(key) = keys
        .iter()
        .find(|key| ranges.iter().any(|range| range.contains(key)))
    {
        return Err(StoreError::DuplicateKey((*key).clone()));
    }
    ranges.sort_unstable_by(|a, b| a.start.cmp(&b.start));
    // Sorted by start, two ranges overlap exactly where a neighbour starts inside the other.
    if let Some(overlap) = ranges
        .windows(2)
        .find(|pair| pair[0].contains(&pair[1].start))
    {
        return Err(StoreError::DuplicateKey(overlap[1].start.clone()));
    }
    Ok(())
}
