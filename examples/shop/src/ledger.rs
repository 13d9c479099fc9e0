//! The orders, kept in a file: one JSON object a line, the newest of an order
//! counts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Order, OrderState, Wish};

/// All orders. Clones share them.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Held while the disk works: by writers only, off the service's thread.
    book: Arc<Mutex<Book>>,
    /// What is on the disk. Held for a look.
    orders: Arc<Mutex<BTreeMap<u64, Order>>>,
}

#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    /// The length of what is known to be whole.
    length: u64,
    /// The last number given to an order.
    last: u64,
}

/// The orders cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line in the midst of the file is no order.
    #[error("{} is damaged in line {line}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// An order was not written down.
    #[error("cannot write to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The task that wrote was lost.
    #[error("the order was not written down")]
    Lost(#[from] tokio::task::JoinError),
}

impl Ledger {
    /// Opens `orders.jsonl` in `folder`, and makes both where they are missing.
    /// A last line that a crash cut short was never answered, and is removed.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join("orders.jsonl");
        let opened = fs::create_dir_all(folder)
            .and_then(|()| {
                File::options()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(&path)
            })
            .and_then(|file| Ok((file, fs::read(&path)?)));
        let (file, bytes) = match opened {
            Ok(opened) => opened,
            Err(source) => return Err(LedgerError::Open { path, source }),
        };
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut orders = BTreeMap::new();
        for (index, line) in bytes[..whole]
            .split_inclusive(|byte| *byte == b'\n')
            .enumerate()
        {
            let order: Order =
                serde_json::from_slice(line).map_err(|source| LedgerError::Damaged {
                    path: path.clone(),
                    line: index + 1,
                    source,
                })?;
            orders.insert(order.id, order);
        }
        let book = Book {
            path,
            file,
            length: whole as u64,
            last: orders.last_key_value().map_or(0, |(last, _)| *last),
        };
        Ok(Self {
            book: Arc::new(Mutex::new(book)),
            orders: Arc::new(Mutex::new(orders)),
        })
    }

    /// Every order, by number.
    pub fn all(&self) -> Vec<Order> {
        lock(&self.orders).values().cloned().collect()
    }

    /// One order.
    pub fn get(&self, id: u64) -> Option<Order> {
        lock(&self.orders).get(&id).cloned()
    }

    /// Writes a new order down; when this returns it is on the disk.
    pub async fn place(&self, wish: Wish) -> Result<Order, LedgerError> {
        self.write(move |last| Order {
            id: last + 1,
            item: wish.item,
            cents: wish.cents,
            state: OrderState::Placed,
        })
        .await
    }

    /// Writes down how far an order has come.
    pub async fn settle(&self, order: Order, state: OrderState) -> Result<Order, LedgerError> {
        self.write(move |_| Order { state, ..order }).await
    }

    async fn write(
        &self,
        make: impl FnOnce(u64) -> Order + Send + 'static,
    ) -> Result<Order, LedgerError> {
        let ledger = self.clone();
        // A disk may take its time; the service's thread has other callers.
        tokio::task::spawn_blocking(move || {
            let mut book = lock(&ledger.book);
            let order = make(book.last);
            book.append(&order).map_err(|source| LedgerError::Write {
                path: book.path.clone(),
                source,
            })?;
            book.last = book.last.max(order.id);
            lock(&ledger.orders).insert(order.id, order.clone());
            Ok(order)
        })
        .await?
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn append(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        // What an append that failed left behind is written over.
        self.file.set_len(self.length)?;
        self.file.seek(io::SeekFrom::Start(self.length))?;
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.length += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(item: &str) -> Wish {
        Wish {
            item: item.into(),
            cents: 250,
        }
    }

    #[tokio::test]
    async fn orders_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("made/as/needed");
        let ledger = Ledger::open(&data).unwrap();
        let tea = ledger.place(wish("tea")).await.unwrap();
        let pot = ledger.place(wish("pot")).await.unwrap();
        assert_eq!((tea.id, pot.id), (1, 2));
        let tea = ledger.settle(tea, OrderState::Paid).await.unwrap();
        drop(ledger);

        let ledger = Ledger::open(&data).unwrap();
        assert_eq!(ledger.all(), [tea.clone(), pot]);
        assert_eq!(ledger.get(1), Some(tea));
        assert_eq!(ledger.get(3), None);
    }

    #[tokio::test]
    async fn a_torn_last_line_is_removed_and_damage_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.jsonl");
        Ledger::open(folder.path())
            .unwrap()
            .place(wish("tea"))
            .await
            .unwrap();
        let whole = fs::read(&file).unwrap();
        for cut in 1..whole.len() {
            let torn = [&whole[..], &whole[..cut - 1]].concat();
            fs::write(&file, torn).unwrap();
            let ledger = Ledger::open(folder.path()).unwrap();
            assert_eq!(ledger.all().len(), 1, "cut at {cut}");
            assert_eq!(ledger.place(wish("pot")).await.unwrap().id, 2);
            drop(ledger);
            assert_eq!(Ledger::open(folder.path()).unwrap().all().len(), 2);
        }
        fs::write(&file, "{}\n").unwrap();
        let damaged = Ledger::open(folder.path()).unwrap_err();
        assert!(damaged.to_string().contains("line 1"), "{damaged}");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(
            Ledger::open(folder.path()),
            Err(LedgerError::Open { .. })
        ));
    }
}
