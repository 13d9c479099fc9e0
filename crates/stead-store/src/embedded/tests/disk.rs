//! A disk in memory that forgets what was not synced when its power fails.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::embedded::disk::{Disk, DiskFile};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                if content.len() < *offset {
                    content.resize(*offset, 0);
                }
                let over = bytes.len().min(content.len() - offset);
                content[*offset..offset + over].copy_from_slice(&bytes[..over]);
                content.extend_from_slice(&bytes[over..]);
            }
            Self::Size(size) => content.resize(*size, 0),
        }
    }

    fn size_after(&self, before: usize) -> usize {
        match self {
            Self::Write { offset, bytes } => before.max(offset + bytes.len()),
            Self::Size(size) => *size,
        }
    }

    /// Applies what falls on the bytes from `start` on.
    fn apply_to_part(&self, start: usize, part: &mut [u8]) {
        let end = start + part.len();
        match self {
            Self::Write { offset, bytes } => {
                let from = start.max(*offset);
                let to = end.min(offset + bytes.len());
                if from < to {
                    part[from - start..to - start]
                        .copy_from_slice(&bytes[from - offset..to - offset]);
                }
            }
            Self::Size(size) if *size < end => part[size.saturating_sub(start)..].fill(0),
            Self::Size(_) => {}
        }
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What a process reads.
    now: Vec<u8>,
    /// What is certain to survive.
    synced: Vec<u8>,
    /// What leads from the one to the other.
    unsynced: Vec<Change>,
}

impl File {
    /// What a power cut leaves: any part of the unsynced changes, sector by sector and in any
    /// order, but the changes of one sector among themselves in theirs.
    fn after_power_cut(&self, random: &mut StdRng) -> Vec<u8> {
        let mut size = self.synced.len();
        let kept = random.random_range(0..=self.unsynced.len());
        for change in &self.unsynced[..kept] {
            size = change.size_after(size);
        }
        let mut content = self.synced.clone();
        content.resize(size, 0);
        // Per crash, so that also nearly all and nearly nothing of it happens.
        let eagerness = random.random_range(0.0..=1.0);
        for (place, sector) in content.chunks_mut(SECTOR).enumerate() {
            if random.random_bool(eagerness) {
                let kept = random.random_range(0..=self.unsynced.len());
                for change in &self.unsynced[..kept] {
                    change.apply_to_part(place * SECTOR, sector);
                }
            }
        }
        content
    }
}

#[derive(Clone, Debug)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Rename(from, to) => {
                let file = names
                    .remove(from)
                    .expect("a file is renamed after it is created");
                names.insert(to.clone(), file);
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// It fails after so many operations.
    Failing(u64),
    Off,
}

#[derive(Clone, Debug)]
struct Platter {
    random: StdRng,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<Naming>,
    power: Power,
    /// Bytes all files may have together.
    space: usize,
    failing_syncs: u32,
    /// How likely any sync fails.
    sync_faults: f64,
    syncs_work: bool,
}

/// The disk; a clone is the same disk.
#[derive(Clone, Debug)]
pub(super) struct Simulated(Arc<Mutex<Platter>>);

impl Simulated {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            random: StdRng::seed_from_u64(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            power: Power::On,
            space: usize::MAX,
            failing_syncs: 0,
            sync_faults: 0.0,
            syncs_work: true,
        })))
    }

    /// A disk that acknowledges syncs and does nothing: what an engine without them would do.
    pub(super) fn without_syncs(seed: u64) -> Self {
        let disk = Self::new(seed);
        disk.lock().syncs_work = false;
        disk
    }

    /// The power fails after so many operations.
    pub(super) fn fail_after(&self, operations: u64) {
        self.lock().power = Power::Failing(operations);
    }

    /// The next syncs fail.
    pub(super) fn fail_syncs(&self, count: u32) {
        self.lock().failing_syncs = count;
    }

    /// Each sync fails with this probability.
    pub(super) fn set_sync_faults(&self, probability: f64) {
        self.lock().sync_faults = probability;
    }

    /// Sets the room for all files together, beyond what they have.
    pub(super) fn set_room(&self, bytes: usize) {
        let mut platter = self.lock();
        platter.space = platter.used().saturating_add(bytes);
    }

    /// The disk as it is when the power is back.
    pub(super) fn power_cycle(&self) -> Self {
        let mut platter = self.lock();
        let mut random = StdRng::from_rng(&mut platter.random);
        let mut names = platter.synced_names.clone();
        // Names go through a journal: what survives is a prefix.
        let kept = random.random_range(0..=platter.unsynced_names.len());
        for naming in &platter.unsynced_names[..kept] {
            naming.apply(&mut names);
        }
        let alive: BTreeSet<usize> = names.values().copied().collect();
        let files = platter.files.iter().enumerate().map(|(place, file)| {
            let content = if alive.contains(&place) {
                file.after_power_cut(&mut random)
            } else {
                Vec::new()
            };
            File {
                now: content.clone(),
                synced: content,
                unsynced: Vec::new(),
            }
        });
        let files = files.collect();
        Self(Arc::new(Mutex::new(Platter {
            random,
            files,
            synced_names: names.clone(),
            names,
            unsynced_names: Vec::new(),
            power: Power::On,
            space: platter.space,
            failing_syncs: 0,
            sync_faults: 0.0,
            syncs_work: platter.syncs_work,
        })))
    }

    /// The disk after the process ended and the power stayed on: nothing is lost, and what was
    /// not synced still is not.
    pub(super) fn restart(&self) -> Self {
        let mut platter = self.lock().clone();
        platter.power = Power::On;
        platter.sync_faults = 0.0;
        Self(Arc::new(Mutex::new(platter)))
    }

    /// Changes a file behind the engine's back, as a failing medium would.
    pub(super) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut platter = self.lock();
        let place = platter.names[name];
        let file = &mut platter.files[place];
        change(&mut file.now);
        file.synced = file.now.clone();
        file.unsynced.clear();
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }
}

impl Platter {
    /// Counts an operation; all fail once the power is off.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.power {
            Power::On => return Ok(()),
            Power::Failing(left) if *left > 0 => {
                *left -= 1;
                return Ok(());
            }
            Power::Failing(_) => self.power = Power::Off,
            Power::Off => {}
        }
        Err(io::Error::other("the power is off"))
    }

    fn try_sync(&mut self) -> io::Result<()> {
        let fails = self.failing_syncs > 0 || self.random.random_bool(self.sync_faults);
        self.failing_syncs = self.failing_syncs.saturating_sub(1);
        if fails {
            return Err(io::Error::other("the medium did not take it"));
        }
        Ok(())
    }

    fn used(&self) -> usize {
        self.names
            .values()
            .map(|file| self.files[*file].now.len())
            .sum()
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unsynced_names.push(naming);
    }
}

impl Disk for Simulated {
    fn list(&self) -> io::Result<Vec<String>> {
        self.lock().operate()?;
        Ok(self.names())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut platter = self.lock();
        platter.operate()?;
        let place = platter.names.get(name).copied();
        let place = place.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Open(self.clone(), place)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut platter = self.lock();
        platter.operate()?;
        let place = platter.files.len();
        platter.files.push(File::default());
        platter.name(Naming::Create(name.to_owned(), place));
        Ok(Box::new(Open(self.clone(), place)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.lock();
        platter.operate()?;
        platter.name(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.lock();
        platter.operate()?;
        platter.name(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut platter = self.lock();
        platter.operate()?;
        platter.try_sync()?;
        if platter.syncs_work {
            platter.synced_names = platter.names.clone();
            platter.unsynced_names.clear();
        }
        Ok(())
    }

    fn keep_aside(&self, suffix: &str) -> io::Result<PathBuf> {
        Ok(PathBuf::from(format!("simulated{suffix}")))
    }

    fn path(&self) -> &Path {
        Path::new("simulated")
    }
}

struct Open(Simulated, usize);

impl Open {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut platter = self.0.lock();
        // The operation at which the power fails may reach the disk all the same, none after it.
        let dark = platter.power == Power::Off;
        let powered = platter.operate();
        if dark {
            return powered;
        }
        let used = platter.used();
        let space = platter.space;
        let file = &mut platter.files[self.1];
        let end = match &change {
            Change::Write { offset, bytes } => offset + bytes.len(),
            Change::Size(size) => *size,
        };
        let fits = end.saturating_sub(file.now.len()) <= space.saturating_sub(used);
        let change = match change {
            Change::Write { offset, mut bytes } if !fits => {
                // What fits is written, as by a real disk.
                bytes
                    .truncate((file.now.len() + space.saturating_sub(used)).saturating_sub(offset));
                Change::Write { offset, bytes }
            }
            change => change,
        };
        change.apply(&mut file.now);
        file.unsynced.push(change);
        powered?;
        if fits {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
}

impl DiskFile for Open {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.lock().files[self.1].now.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut platter = self.0.lock();
        platter.operate()?;
        let content = &platter.files[self.1].now;
        let start = content.len().min(usize::try_from(offset).unwrap());
        let end = content.len().min(start + buffer.len());
        buffer[..end - start].copy_from_slice(&content[start..end]);
        Ok(end - start)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Write {
            offset: usize::try_from(offset).unwrap(),
            bytes: bytes.to_vec(),
        })
    }

    fn set_size(&mut self, size: u64) -> io::Result<()> {
        self.change(Change::Size(usize::try_from(size).unwrap()))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.operate()?;
        platter.try_sync()?;
        if platter.syncs_work {
            let file = &mut platter.files[self.1];
            for change in file.unsynced.drain(..) {
                change.apply(&mut file.synced);
            }
        }
        Ok(())
    }
}
