//! kill -9 of everything there is.

use std::time::Duration;

use stead_testkit::programs::{redis, stubborn, stubborn_pids, toml_array};
use stead_testkit::{DEADLINE, Stack, eventually, free_port, processes};

use crate::support::{pid, ready, replaced, stack_with_cgroups, stdout, until_gone};

/// How soon after a kill -9 of Stead its programs are gone.
const WITHIN: Duration = Duration::from_secs(1);

/// For a machine that runs other tests at the same time: what is promised is a second.
const SLACK: Duration = Duration::from_secs(4);

macro_rules! with_and_without_cgroups {
    ($($name:ident)+) => {
        mod with_cgroups { $(#[test] fn $name() { super::$name("auto"); })+ }
        mod without_cgroups { $(#[test] fn $name() { super::$name("off"); })+ }
    };
}

with_and_without_cgroups!(
    the_child_comes_back
    the_child_takes_its_family_along
    a_grandchild_is_the_programs_own_affair
    of_stead_ends_all_and_the_next_up_works
    of_the_guardian_harms_nothing_for_long
    of_stead_and_guardian_is_made_good_by_the_next_up
);

const FAST: &str = "restart = { policy = \"always\", delay = \"0s\", limit = 0 }\n";

fn the_child_comes_back(cgroups: &str) {
    let port = free_port();
    let stack = stack_with_cgroups(cgroups).up(&format!(
        "[services.cache]\ncommand = {}\n{FAST}",
        toml_array(&redis(port))
    ));
    let first = ready(&stack, "cache");
    assert_eq!(first["restarts"], 0);
    processes::signal(pid(&first), "KILL");
    let second = replaced(&stack, "cache", pid(&first));
    assert_eq!(second["restarts"], 1);
    assert_eq!(second["exit"], "signal 9");
    let history = second["history"].to_string();
    assert!(history.contains("ended by signal 9"), "{history}");
    processes::signal(pid(&second), "KILL");
    let third = replaced(&stack, "cache", pid(&second));
    assert_eq!(third["restarts"], 2);
    stack.stop();
}

/// A stack with one stubborn service whose family is complete, and the pids of it.
fn family(cgroups: &str) -> (Stack, Vec<u32>) {
    let stack = stack_with_cgroups(cgroups);
    stubborn(stack.folder());
    let stack = stack.up(&format!(
        "[services.stubborn]\ncommand = [\"./stubborn.sh\"]\nstop.grace = \"100ms\"\n{FAST}"
    ));
    let pids = complete(&stack, 4);
    (stack, pids)
}

/// Waits until `count` pids of the family were written; the newest four.
fn complete(stack: &Stack, count: usize) -> Vec<u32> {
    eventually(DEADLINE, "the family is complete", || {
        stubborn_pids(stack.folder()).len() == count
    });
    stubborn_pids(stack.folder()).split_off(count - 4)
}

fn the_child_takes_its_family_along(cgroups: &str) {
    let (stack, pids) = family(cgroups);
    let main = pid(&ready(&stack, "stubborn"));
    processes::signal(main, "KILL");
    replaced(&stack, "stubborn", main);
    for pid in pids {
        assert!(!processes::runs(pid), "{pid} of the first run still runs");
    }
    complete(&stack, 8);
    stack.stop();
}

fn a_grandchild_is_the_programs_own_affair(cgroups: &str) {
    let (stack, pids) = family(cgroups);
    let main = pid(&ready(&stack, "stubborn"));
    for &grandchild in pids.iter().filter(|&&pid| pid != main) {
        processes::signal(grandchild, "KILL");
        until_gone(grandchild);
    }
    let status = ready(&stack, "stubborn");
    assert_eq!(pid(&status), main);
    assert_eq!(status["restarts"], 0);
    stack.stop();
}

fn of_stead_ends_all_and_the_next_up_works(cgroups: &str) {
    let (stack, pids) = family(cgroups);
    let definition = std::fs::read_to_string(stack.folder().join("stead.toml")).unwrap();
    let stack = stack.kill(WITHIN + SLACK);
    for pid in pids {
        assert!(!processes::runs(pid), "{pid} outlived stead");
    }
    let stack = stack.up(&definition);
    complete(&stack, 8);
    // A fork that has not reached its `exec` yet looks like a second one for a moment.
    eventually(DEADLINE, "the script runs once", || {
        let processes = stack.processes();
        let is_script = |process: &&processes::Process| process.command.contains("stubborn.sh");
        processes.iter().filter(is_script).count() == 1
    });
    assert_eq!(
        stubborn_pids(stack.folder()).len(),
        8,
        "nothing was started twice"
    );
    stack.stop();
}

/// The processes of Stead besides `stead up` itself.
fn guardians(stack: &Stack) -> Vec<u32> {
    let up = stack.pid();
    stack
        .processes()
        .into_iter()
        .filter(|process| process.pid != up)
        .filter(|process| {
            std::fs::read_link(format!("/proc/{}/exe", process.pid))
                .is_ok_and(|exe| exe == std::path::Path::new(env!("CARGO_BIN_EXE_stead")))
        })
        .map(|process| process.pid)
        .collect()
}

fn of_the_guardian_harms_nothing_for_long(cgroups: &str) {
    let (stack, _) = family(cgroups);
    let main = pid(&ready(&stack, "stubborn"));
    let guardians = guardians(&stack);
    assert!(!guardians.is_empty(), "{:#?}", stack.processes());
    for guardian in guardians {
        processes::signal(guardian, "KILL");
        until_gone(guardian);
    }
    // Whether the program lived through it or was started again: it runs, once, and Stead still
    // has it in its hand.
    assert!(
        stack.stead(&["restart", "stubborn"]).status.success(),
        "{}",
        stack.output()
    );
    let now = pid(&ready(&stack, "stubborn"));
    assert_ne!(now, main);
    eventually(DEADLINE, "the first run is gone", || !processes::runs(main));
    stdout(&stack.stead(&["stop", "stubborn"]));
    until_gone(now);
    stack.stop();
}

fn of_stead_and_guardian_is_made_good_by_the_next_up(cgroups: &str) {
    let builder = stack_with_cgroups(cgroups);
    stubborn(builder.folder());
    let definition = format!("[services.stubborn]\ncommand = [\"./stubborn.sh\"]\n{FAST}");
    let mut first = builder.clone().up(&definition);
    let pids = complete(&first, 4);
    // Stopped first, so that none of them acts on the death of another.
    let guardians = guardians(&first);
    assert!(!guardians.is_empty(), "{:#?}", first.processes());
    first.signal("STOP");
    for signal in ["STOP", "KILL"] {
        for &guardian in &guardians {
            processes::signal(guardian, signal);
        }
    }
    first.signal("KILL");
    first.wait();

    let second = builder.up(&definition);
    complete(&second, 8);
    // Whatever outlived both was gone before anything of the new run was started.
    for pid in pids {
        assert!(!processes::runs(pid), "{pid} runs beside its successor");
    }
    second.stop();
    assert!(first.processes().is_empty(), "{:#?}", first.processes());
}
