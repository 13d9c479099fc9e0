//! A guardian that was killed is followed by another, once nothing of its trees is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stead_os::process::{CgroupMode, Exit, Process, SpawnError};

use crate::support::{
    Mark, Stage, cgroups_of, children, descriptors, empty, exit_of, guardians_of, in_both_modes,
    is_alive, kill, shell, stop, until, within,
};
use crate::trees::{STUBBORN, STUBBORN_COUNT};

/// Deaths in a row that are followed by another guardian at once.
const AT_ONCE: usize = 5;

fn guardian() -> u32 {
    let guardians = guardians_of(std::process::id());
    assert_eq!(guardians.len(), 1, "one guardian below Stead");
    guardians[0]
}

/// Kills the guardian and waits until the end of a tree of it was told.
async fn kill_guardian_of(process: &Process) {
    kill(guardian(), 9);
    assert_eq!(exit_of(process).await, Exit::Signal(9));
    empty(process).await;
}

async fn answers(stage: &Stage) {
    let process = stage.spawn(shell("exit 3")).await;
    assert_eq!(exit_of(&process).await, Exit::Code(3));
    empty(&process).await;
}

/// Threads that keep the locks busy which a forked copy of them must not need.
struct Busy(Arc<AtomicBool>, Vec<thread::JoinHandle<()>>);

impl Busy {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..3).map(|size| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let (_out, _err) = (std::io::stdout().lock(), std::io::stderr().lock());
                    std::hint::black_box((std::env::var_os("PATH"), vec![0_u8; 5000 << size]));
                }
            })
        });
        Self(Arc::clone(&over), threads.collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        for thread in self.1.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[tokio::test]
async fn a_guardian_killed_under_load_is_replaced_when_its_trees_are_gone() {
    in_both_modes(|stage| async move {
        let _busy = Busy::start();
        let mut trees = Vec::new();
        for _ in 0..4 {
            trees.push(stage.start(STUBBORN).await);
        }
        stage.mark.until_alive(4 * STUBBORN_COUNT).await;
        let killed = Arc::new(AtomicBool::new(false));
        let load = (0..8).map(|_| {
            let (launcher, killed) = (stage.launcher.clone(), Arc::clone(&killed));
            tokio::spawn(async move {
                // Each goes on until one start was asked for after the kill and succeeded.
                loop {
                    let last = killed.load(Ordering::SeqCst);
                    match launcher.spawn(shell("exit 0")).await {
                        Ok(process) => {
                            let exit = exit_of(&process).await;
                            empty(&process).await;
                            match exit {
                                Exit::Code(0) if last => return,
                                Exit::Code(0) | Exit::Signal(9) => {}
                                other => panic!("{other:?}"),
                            }
                        }
                        Err(SpawnError::NoGuardian(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        });
        let load: Vec<_> = load.collect();
        kill(guardian(), 9);
        killed.store(true, Ordering::SeqCst);
        let next = Mark::new();
        // A start that was under way may be lost; the next one waits for the next guardian.
        let process = loop {
            let command = shell(&format!("sleep {} & echo; wait", next.0));
            match within("the start", stage.launcher.spawn(command)).await {
                Ok(process) if stage.mark.alive().is_empty() => break process,
                // By the killed one, then: it ends with the rest.
                Ok(process) => {
                    assert_eq!(exit_of(&process).await, Exit::Signal(9));
                    empty(&process).await;
                }
                Err(SpawnError::NoGuardian(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        for tree in &trees {
            assert_eq!(exit_of(tree).await, Exit::Signal(9));
            empty(tree).await;
        }
        for each in load {
            within("a start", each).await.unwrap();
        }
        next.until_alive(1).await;
        process.kill_tree();
        empty(&process).await;
        assert_eq!(exit_of(&process).await, Exit::Signal(9));
    })
    .await;
}

#[tokio::test]
async fn no_guardian_comes_and_nothing_starts_before_the_last_tree_is_gone() {
    // The guardian of the one tree cannot end it while it is stopped.
    let stage = Stage::new(CgroupMode::Off);
    let process = stage.start(STUBBORN).await;
    stage.mark.until_alive(STUBBORN_COUNT).await;
    let first = guardian();
    let single = guardians_of(first)[0];
    stop(single).await;
    kill(first, 9);
    until("the guardian to go", || !is_alive(first)).await;
    let refused = loop {
        // One that was asked for before the death was seen is lost.
        match within("the refusal", stage.launcher.spawn(shell("exit 0"))).await {
            Err(SpawnError::NoGuardian(reason)) if reason.contains("during the start") => {}
            refused => break refused.err().map(|error| error.to_string()),
        }
    };
    assert_eq!(
        refused.as_deref(),
        Some(
            "no guardian process to start it: it was killed, and a process it had started has \
             not ended yet"
        )
    );
    assert_eq!(guardians_of(std::process::id()), [single]);
    kill(single, libc::SIGCONT);
    empty(&process).await;
    assert_eq!(stage.mark.alive(), [0_u32; 0]);
    let next = within("a start", async {
        loop {
            match stage.launcher.spawn(shell("exit 3")).await {
                Err(SpawnError::NoGuardian(_)) => tokio::task::yield_now().await,
                started => break started.unwrap(),
            }
        }
    });
    assert_eq!(exit_of(&next.await).await, Exit::Code(3));
}

#[tokio::test]
async fn guardians_that_die_in_a_row_rest_and_come_again() {
    in_both_modes(|stage| async move {
        answers(&stage).await;
        let open = descriptors(std::process::id());
        for _ in 0..AT_ONCE {
            let process = stage.start(STUBBORN).await;
            stage.mark.until_alive(STUBBORN_COUNT).await;
            kill_guardian_of(&process).await;
            assert_eq!(stage.mark.alive(), [0_u32; 0]);
            drop(process);
            answers(&stage).await;
        }
        // What the first run had may have been open still when it was counted; what is kept with
        // each death would be more than that by now.
        until("the descriptors to be closed", || {
            descriptors(std::process::id()) <= open
        })
        .await;
        let process = stage.start(STUBBORN).await;
        kill_guardian_of(&process).await;
        let refused = within("the refusal", stage.launcher.spawn(shell("exit 0"))).await;
        assert_eq!(
            refused.err().map(|error| error.to_string()).as_deref(),
            Some(
                "no guardian process to start it: it was killed 6 times, each within 60 s; \
                 the next comes 1 s after the last"
            )
        );
        until("the next guardian", || {
            !guardians_of(std::process::id()).is_empty()
        })
        .await;
        answers(&stage).await;
    })
    .await;
}

#[tokio::test]
async fn a_launcher_that_is_dropped_without_a_guardian_cleans_up() {
    for mode in [CgroupMode::Auto, CgroupMode::Off] {
        // While the trees of the last one are being ended, and while the next one rests.
        for deaths in [1, AT_ONCE + 1] {
            let stage = Stage::new(mode);
            let mut process = stage.start(STUBBORN).await;
            for _ in 1..deaths {
                kill_guardian_of(&process).await;
                process = stage.start(STUBBORN).await;
            }
            kill(guardian(), 9);
            if deaths > 1 {
                empty(&process).await;
            }
            let Stage {
                launcher,
                runs,
                mark,
            } = stage;
            let dropped = tokio::task::spawn_blocking(move || drop(launcher));
            within("the end of the launcher", dropped).await.unwrap();
            assert_eq!(mark.alive(), [0_u32; 0]);
            assert_eq!(exit_of(&process).await, Exit::Signal(9));
            empty(&process).await;
            assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0);
            assert_eq!(children(std::process::id()), [0_u32; 0]);
            assert_eq!(cgroups_of(std::process::id()), [""; 0].map(PathBuf::from));
        }
    }
}

#[tokio::test]
async fn a_record_that_has_gone_is_written_again_for_the_next_guardian() {
    in_both_modes(|stage| async move {
        let records = || {
            let entries = std::fs::read_dir(stage.runs.path()).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        let before = records();
        let text = std::fs::read_to_string(&before[0]).unwrap();
        let process = stage.start(STUBBORN).await;
        std::fs::remove_file(&before[0]).unwrap();
        kill_guardian_of(&process).await;
        answers(&stage).await;
        assert_eq!(records(), before);
        assert_eq!(std::fs::read_to_string(&before[0]).unwrap(), text);
    })
    .await;
}
