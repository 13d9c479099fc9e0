//! Whatever a program forks stays in its tree.

use std::time::Duration;

use stead_os::process::{Exit, Signal};

use crate::support::{
    cgroups_of, children, empty, exit_of, in_both_modes, is_alive, kill, status, until, within,
};

/// Ignores every polite request, and so do its children: one plain, one with a session of its
/// own and no environment, one forked twice, one below a shell.
pub(crate) const STUBBORN: &str = "trap '' TERM HUP INT
    sleep @ &
    setsid -f env -i sleep @
    (setsid sh -c 'sleep @ & sleep @' &)
    sh -c 'sleep @ & wait' &
    echo ready
    wait; sleep @";
/// The marked processes of it.
pub(crate) const STUBBORN_COUNT: usize = 5;

#[tokio::test]
async fn a_killed_tree_leaves_nothing() {
    in_both_modes(|stage| async move {
        let process = stage.start(STUBBORN).await;
        stage.mark.until_alive(STUBBORN_COUNT).await;
        for pid in stage.mark.alive() {
            assert!(process.contains(pid), "{pid} is not of the tree");
        }
        assert!(process.contains(process.id()));
        assert!(!process.contains(std::process::id()));
        assert!(!process.contains(1));

        process.ask(Signal(15));
        let ended = tokio::time::timeout(Duration::from_millis(100), process.exit()).await;
        assert!(ended.is_err(), "it does not ignore SIGTERM");
        assert_eq!(stage.mark.alive().len(), STUBBORN_COUNT);

        process.kill_tree();
        empty(&process).await;
        assert_eq!(exit_of(&process).await, Exit::Signal(9));
        assert_eq!(stage.mark.alive(), [0_u32; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_process_takes_its_tree_along() {
    in_both_modes(|stage| async move {
        let process = stage.start(STUBBORN).await;
        stage.mark.until_alive(STUBBORN_COUNT).await;
        let emptied = process.empty();
        drop(process);
        within("the empty tree", emptied).await;
        assert_eq!(stage.mark.alive(), [0_u32; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_start_leaves_nothing() {
    in_both_modes(|stage| async move {
        for _ in 0..20 {
            let start = stage.launcher.spawn(stage.script("sleep @ & sleep @"));
            // One poll sends the request and does not wait for the answer.
            tokio::select! {
                biased;
                _ = start => {}
                () = std::future::ready(()) => {}
            }
        }
        // Requests are answered in order: this one after all of those.
        let process = stage.spawn(stage.script("exit 0")).await;
        empty(&process).await;
        until("the dropped ones to end", || stage.mark.alive().is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn a_killed_program_leaves_its_tree_to_be_ended() {
    in_both_modes(|stage| async move {
        let process = stage.start(STUBBORN).await;
        stage.mark.until_alive(STUBBORN_COUNT).await;
        process.signal(Signal(9));
        assert_eq!(exit_of(&process).await, Exit::Signal(9));
        let left = stage.mark.alive();
        assert_eq!(left.len(), STUBBORN_COUNT);
        assert!(left.iter().all(|pid| process.contains(*pid)));
        // To a program that has ended nothing is sent: its id may be another's.
        process.signal(Signal(9));
        process.kill_tree();
        empty(&process).await;
        assert_eq!(stage.mark.alive(), [0_u32; 0]);
    })
    .await;
}

#[tokio::test]
async fn asking_reaches_every_process_and_wakes_the_stopped() {
    in_both_modes(|stage| async move {
        let process = stage
            .start("sleep @ & setsid -f env -i sleep @; echo; wait")
            .await;
        stage.mark.until_alive(2).await;
        let stopped = stage.mark.alive()[0];
        kill(stopped, libc::SIGSTOP);
        until("the process to stop", || {
            status(stopped, "State").is_some_and(|state| state.starts_with('T'))
        })
        .await;
        process.ask(Signal(15));
        empty(&process).await;
        assert_eq!(exit_of(&process).await, Exit::Signal(15));
    })
    .await;
}

#[tokio::test]
async fn a_signal_goes_to_the_program_alone() {
    in_both_modes(|stage| async move {
        let process = stage
            .start("sh -c 'trap \"exit 9\" HUP; sleep @ & wait' & trap 'exit 5' HUP; echo; wait")
            .await;
        stage.mark.until_alive(1).await;
        process.signal(Signal(1));
        assert_eq!(exit_of(&process).await, Exit::Code(5));
        assert_eq!(
            stage.mark.alive().len(),
            1,
            "the grandchild had the signal too"
        );
    })
    .await;
}

#[tokio::test]
async fn trees_of_one_launcher_are_apart() {
    in_both_modes(|stage| async move {
        let first = stage.start("setsid -f env -i sleep @; echo; sleep @").await;
        stage.mark.until_alive(2).await;
        let of_first = stage.mark.alive();
        let second = stage.start("setsid -f env -i sleep @; echo; sleep @").await;
        stage.mark.until_alive(4).await;
        for pid in stage.mark.alive() {
            assert_eq!(first.contains(pid), of_first.contains(&pid));
            assert_eq!(second.contains(pid), !of_first.contains(&pid));
        }
        second.kill_tree();
        empty(&second).await;
        let mut left = stage.mark.alive();
        left.sort_unstable();
        assert_eq!(left, of_first);
        assert!(first.usage().processes >= 2);
        assert!(first.usage().memory > 0);
        assert_eq!(second.usage().processes, 0);
    })
    .await;
}

#[tokio::test]
async fn a_fork_storm_is_ended() {
    in_both_modes(|stage| async move {
        let process = stage
            .start("storm() { while :; do sleep @ & (storm_once &); sleep 0.01; done; }; \
                    storm_once() { setsid sh -c 'for i in 1 2 3; do sleep @ & done; sleep 0.02'; }; \
                    storm & echo; wait")
            .await;
        until("a storm", || stage.mark.alive().len() > 30).await;
        process.kill_tree();
        empty(&process).await;
        assert_eq!(stage.mark.alive(), [0_u32; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_launcher_that_is_dropped_ends_everything_and_cleans_up() {
    in_both_modes(|stage| async move {
        let own = std::process::id();
        let before = children(own);
        assert_eq!(before.len(), 1, "the guardian");
        let process = stage.start(STUBBORN).await;
        stage.mark.until_alive(STUBBORN_COUNT).await;
        let crate::support::Stage {
            launcher,
            runs,
            mark,
            ..
        } = stage;
        drop(launcher);
        assert_eq!(mark.alive(), [0_u32; 0]);
        assert_eq!(exit_of(&process).await, Exit::Signal(9));
        empty(&process).await;
        assert!(before.iter().all(|guardian| !is_alive(*guardian)));
        assert_eq!(children(own), [0_u32; 0], "not even a zombie");
        assert_eq!(
            std::fs::read_dir(runs.path()).unwrap().count(),
            0,
            "records are left"
        );
        assert_eq!(cgroups_of(own), Vec::<std::path::PathBuf>::new());
    })
    .await;
}
