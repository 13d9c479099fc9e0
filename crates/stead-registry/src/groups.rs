//! Who waits for what: waiters of one question share a bell and an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stead_store::Revision;
use tokio::sync::Notify;

use crate::query::{Age, Query};
use crate::view::{Cell, Changed, View};

/// Answers that nobody waits for are kept up to this many bytes, for whoever asks next.
const IDLE_BYTES_MAX: usize = 8 << 20;
/// And up to this many.
const IDLE_ANSWERS_MAX: usize = 1024;

/// All questions that are being asked, and some that were.
#[derive(Default)]
pub(crate) struct Groups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: HashMap<Query, Member>,
    cells: HashMap<Cell, Vec<Arc<Group>>>,
    idle_answers: usize,
    idle_bytes: usize,
}

struct Member {
    group: Arc<Group>,
    waiters: usize,
    /// What it counts for in `idle_bytes`; `None`: it is not idle.
    idle: Option<usize>,
}

/// One question, its newest answer and its bell.
pub(crate) struct Group {
    query: Query,
    bell: Notify,
    latest: Mutex<Option<Latest>>,
    size: AtomicUsize,
}

struct Latest {
    age: Age,
    body: Body,
}

/// An answer's bytes, computed when somebody wants them.
enum Body {
    Pending,
    Nothing,
    Bytes(Bytes),
}

/// A place in a group, given up on drop.
pub(crate) struct Seat<'a> {
    groups: &'a Groups,
    group: Arc<Group>,
    waits: bool,
}

impl Groups {
    /// Takes a place in the question's group. One who waits hears its bell for every change
    /// that is published after this call.
    pub(crate) fn join(&self, query: Query, waits: bool) -> Seat<'_> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let member = state
            .groups
            .entry(query)
            .or_insert_with_key(|query| Member {
                group: Arc::new(Group {
                    query: query.clone(),
                    bell: Notify::new(),
                    latest: Mutex::new(None),
                    size: AtomicUsize::new(0),
                }),
                waiters: 0,
                idle: None,
            });
        let group = Arc::clone(&member.group);
        if waits {
            member.waiters += 1;
            if member.waiters == 1 {
                if let Some(size) = member.idle.take() {
                    state.idle_answers -= 1;
                    state.idle_bytes -= size;
                }
                for cell in group.query.cells() {
                    state
                        .cells
                        .entry(cell)
                        .or_default()
                        .push(Arc::clone(&group));
                }
            }
        }
        Seat {
            groups: self,
            group,
            waits,
        }
    }

    /// Wakes everybody whose answer may have changed.
    pub(crate) fn ring(&self, changed: &Changed) {
        let state = self.lock();
        if state.cells.is_empty() {
            return;
        }
        for cell in &changed.cells {
            state.ring(cell);
        }
        for key in &changed.keys {
            state.ring(&Cell::Key(key.clone()));
            for length in 0..=key.len() {
                state.ring(&Cell::Tree(key.slice(..length)));
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn ring_all(&self) {
        for group in self.lock().cells.values().flatten() {
            group.bell.notify_waiters();
        }
    }

    /// How many wait.
    pub(crate) fn waiters(&self) -> usize {
        self.lock()
            .groups
            .values()
            .map(|member| member.waiters)
            .sum()
    }

    fn leave(&self, group: &Arc<Group>, waits: bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(member) = state.groups.get_mut(&group.query) else {
            return;
        };
        if waits {
            member.waiters -= 1;
        }
        if member.waiters > 0 || !Arc::ptr_eq(&member.group, group) {
            return;
        }
        let size = group.size.load(Ordering::Relaxed);
        match member.idle.replace(size) {
            Some(counted) => state.idle_bytes -= counted,
            None => state.idle_answers += 1,
        }
        state.idle_bytes += size;
        if waits {
            for cell in group.query.cells() {
                if let Some(members) = state.cells.get_mut(&cell) {
                    members.retain(|member| !Arc::ptr_eq(member, group));
                    if members.is_empty() {
                        state.cells.remove(&cell);
                    }
                }
            }
        }
        if state.idle_bytes > IDLE_BYTES_MAX || state.idle_answers > IDLE_ANSWERS_MAX {
            state.forget_idle();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ring(&self, cell: &Cell) {
        for group in self.cells.get(cell).into_iter().flatten() {
            group.bell.notify_waiters();
        }
    }

    fn forget_idle(&mut self) {
        self.groups.retain(|_, member| member.waiters > 0);
        self.idle_answers = 0;
        self.idle_bytes = 0;
    }
}

impl Group {
    /// The answer's age in this view.
    fn age(&self, view: &View) -> Age {
        self.with_latest(view, |latest| latest.age)
    }

    /// The answer's age and bytes, computed once for all who ask.
    fn answer(&self, view: &View) -> (Age, Option<Bytes>) {
        self.with_latest(view, |latest| {
            if matches!(latest.body, Body::Pending) {
                latest.body = self.compute(view);
            }
            let bytes = match &latest.body {
                Body::Bytes(bytes) => Some(bytes.clone()),
                Body::Nothing | Body::Pending => None,
            };
            (latest.age, bytes)
        })
    }

    fn compute(&self, view: &View) -> Body {
        let bytes = self.query.body(view);
        let size = bytes.as_ref().map_or(0, Bytes::len);
        self.size.store(size, Ordering::Relaxed);
        bytes.map_or(Body::Nothing, Body::Bytes)
    }

    fn with_latest<R>(&self, view: &View, read: impl FnOnce(&mut Latest) -> R) -> R {
        let content = self.query.content(view);
        let mut slot = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(latest) if latest.age.content == content => read(latest),
            // Somebody has seen a newer view: its answer stays, this one is not kept.
            Some(latest) if latest.age.content > content => read(&mut self.fresh(view, content)),
            slot => {
                let fresh = self.succeed(slot.take(), view, content);
                read(slot.insert(fresh))
            }
        }
    }

    /// The answer after one that is out of date. A cell may have changed in a way that is not in
    /// this answer (a check's verdict, where only passing instances are asked for): then the
    /// index stays, and who waits goes on waiting.
    fn succeed(&self, old: Option<Latest>, view: &View, content: Revision) -> Latest {
        let mut fresh = self.fresh(view, content);
        let Some(Latest {
            age,
            body: Body::Bytes(old),
        }) = old
        else {
            return fresh;
        };
        if !self.query.of_keys() && fresh.age.index > age.index {
            fresh.body = self.compute(view);
            if let Body::Bytes(new) = &mut fresh.body
                && *new == old
            {
                fresh.age.index = age.index;
                *new = old;
            }
        }
        fresh
    }

    fn fresh(&self, view: &View, content: Revision) -> Latest {
        Latest {
            age: Age {
                index: self.query.index(view),
                content,
            },
            body: Body::Pending,
        }
    }
}

impl Seat<'_> {
    pub(crate) fn bell(&self) -> &Notify {
        &self.group.bell
    }

    pub(crate) fn age(&self, view: &View) -> Age {
        self.group.age(view)
    }

    pub(crate) fn answer(&self, view: &View) -> (Age, Option<Bytes>) {
        self.group.answer(view)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.groups.leave(&self.group, self.waits);
    }
}
