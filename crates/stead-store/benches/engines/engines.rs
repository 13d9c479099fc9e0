//! The engines under one face, redb and SQLite behind a writer that commits groups.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use stead_store::{Embedded, Options, Store, Txn, Write};
use tokio::sync::oneshot;

/// Something that makes a key's value durable.
#[async_trait::async_trait]
pub(crate) trait Engine: Send + Sync {
    async fn put(&self, key: Vec<u8>, value: Vec<u8>);
}

pub(crate) struct Stead(Embedded);

impl Stead {
    pub(crate) fn open(folder: &Path) -> Self {
        Self(Embedded::open(folder, Options::default()).expect("a store"))
    }
}

#[async_trait::async_trait]
impl Engine for Stead {
    async fn put(&self, key: Vec<u8>, value: Vec<u8>) {
        let write = Write::Put {
            key: Bytes::from(key),
            value: Bytes::from(value),
            lease: None,
        };
        let txn = Txn {
            guards: Vec::new(),
            writes: vec![write],
        };
        self.0.commit(txn).await.expect("a write");
    }
}

/// What one transaction of a backend does for a group: the entry (with the revision it was
/// created at kept), and the change in the history under its revision.
pub(crate) trait Backend: Send + 'static {
    fn commit(&mut self, group: &[Put]);
}

pub(crate) struct Put {
    key: Vec<u8>,
    value: Vec<u8>,
    done: oneshot::Sender<()>,
}

/// What waits and whether nothing more will come.
type Waiting = (Mutex<(Vec<Put>, bool)>, Condvar);

/// The same group commit as the embedded engine's, over a backend.
pub(crate) struct Grouped {
    waiting: Arc<Waiting>,
    writer: Option<JoinHandle<()>>,
}

impl Grouped {
    pub(crate) fn new(mut backend: impl Backend) -> Self {
        let waiting = Arc::new((Mutex::new((Vec::new(), false)), Condvar::new()));
        let queue = Arc::clone(&waiting);
        let writer = std::thread::spawn(move || {
            let mut last = (0, Duration::ZERO);
            loop {
                let group = {
                    let guard = queue.0.lock().expect("the queue");
                    let guard = queue
                        .1
                        .wait_while(guard, |(group, closed)| group.is_empty() && !*closed)
                        .expect("the queue");
                    // As the embedded engine: a short wait for as many as last time.
                    let (size, took): (usize, Duration) = last;
                    let patience = (took / 2).min(Duration::from_millis(1));
                    let (mut guard, _) = queue
                        .1
                        .wait_timeout_while(guard, patience, |(group, closed)| {
                            group.len() < size && !*closed
                        })
                        .expect("the queue");
                    if guard.0.is_empty() {
                        return;
                    }
                    std::mem::take(&mut guard.0)
                };
                let begun = Instant::now();
                backend.commit(&group);
                last = (group.len(), begun.elapsed());
                for put in group {
                    let _ = put.done.send(());
                }
            }
        });
        Self {
            waiting,
            writer: Some(writer),
        }
    }
}

impl Drop for Grouped {
    fn drop(&mut self) {
        self.waiting.0.lock().expect("the queue").1 = true;
        self.waiting.1.notify_one();
        if let Some(writer) = self.writer.take() {
            writer.join().expect("the writer");
        }
    }
}

#[async_trait::async_trait]
impl Engine for Grouped {
    async fn put(&self, key: Vec<u8>, value: Vec<u8>) {
        let (done, answer) = oneshot::channel();
        self.waiting
            .0
            .lock()
            .expect("the queue")
            .0
            .push(Put { key, value, done });
        self.waiting.1.notify_one();
        answer.await.expect("the writer");
    }
}

const ENTRIES: TableDefinition<'_, &[u8], (u64, &[u8])> = TableDefinition::new("entries");
const HISTORY: TableDefinition<'_, u64, (&[u8], &[u8])> = TableDefinition::new("history");

pub(crate) struct Redb {
    database: redb::Database,
    revision: u64,
}

impl Redb {
    pub(crate) fn open(folder: &Path) -> Self {
        let database = redb::Database::create(folder.join("store.redb")).expect("a database");
        let begin = database.begin_write().expect("a transaction");
        begin.open_table(ENTRIES).expect("a table");
        begin.open_table(HISTORY).expect("a table");
        begin.commit().expect("a commit");
        let read = database.begin_read().expect("a read");
        let history = read.open_table(HISTORY).expect("a table");
        let revision = history
            .last()
            .expect("a read")
            .map_or(0, |(at, _)| at.value());
        Self { database, revision }
    }
}

impl Backend for Redb {
    fn commit(&mut self, group: &[Put]) {
        // Durability::Immediate is the default: one sync a transaction.
        let transaction = self.database.begin_write().expect("a transaction");
        {
            let mut entries = transaction.open_table(ENTRIES).expect("a table");
            let mut history = transaction.open_table(HISTORY).expect("a table");
            for put in group {
                self.revision += 1;
                let old = entries.get(&put.key[..]).expect("a read");
                let created = old.map_or(self.revision, |old| old.value().0);
                entries
                    .insert(&put.key[..], (created, &put.value[..]))
                    .expect("an insert");
                history
                    .insert(self.revision, (&put.key[..], &put.value[..]))
                    .expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
    }
}

pub(crate) struct Sqlite {
    connection: rusqlite::Connection,
    revision: i64,
}

impl Sqlite {
    pub(crate) fn open(folder: &Path) -> Self {
        let connection =
            rusqlite::Connection::open(folder.join("store.sqlite")).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE IF NOT EXISTS entries
                   (key BLOB PRIMARY KEY, created INTEGER, value BLOB) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS history
                   (revision INTEGER PRIMARY KEY, key BLOB, value BLOB);",
            )
            .expect("a schema");
        let revision = connection
            .query_row(
                "SELECT coalesce(max(revision), 0) FROM history",
                [],
                |row| row.get(0),
            )
            .expect("a revision");
        Self {
            connection,
            revision,
        }
    }
}

impl Backend for Sqlite {
    fn commit(&mut self, group: &[Put]) {
        let transaction = self.connection.transaction().expect("a transaction");
        {
            let mut entry = transaction
                .prepare_cached(
                    "INSERT INTO entries VALUES (?1, ?2, ?3)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )
                .expect("a statement");
            let mut history = transaction
                .prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3)")
                .expect("a statement");
            for put in group {
                self.revision += 1;
                entry
                    .execute((&put.key, self.revision, &put.value))
                    .expect("an insert");
                history
                    .execute((self.revision, &put.key, &put.value))
                    .expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
    }
}
