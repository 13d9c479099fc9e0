use std::time::Duration;

use proptest::prelude::*;
use stead_model::definition::Definition;
use stead_model::lifecycle::{Phase, State};

use super::*;

/// A service of a definition with one service, `it`, whose section ends with `keys`.
fn service(keys: &str) -> Arc<Service> {
    let text = format!("[services.it]\ncommand = [\"./it\"]\n{keys}\n");
    let definition = Definition::parse(&text, "stead.toml".as_ref()).unwrap();
    Arc::new(definition.services.into_values().next().unwrap())
}

/// A machine with a clock that the test moves.
struct Bench {
    machine: Machine,
    now: Duration,
}

fn person() -> Asker {
    Asker::User("ann".to_owned())
}

impl Bench {
    fn new(keys: &str) -> Self {
        let now = Duration::ZERO;
        Self {
            machine: Machine::new(service(keys), clock(now)),
            now,
        }
    }

    /// Says an event; answers what is to be done, without the records of transitions.
    fn on(&mut self, event: Event) -> Vec<Action> {
        let mut todo = self.machine.on(event, clock(self.now));
        todo.retain(|action| !matches!(action, Action::Changed(_) | Action::Disarm(_)));
        todo
    }

    fn state(&self) -> String {
        let state = self.machine.state();
        state
            .phase()
            .map_or(state.to_string(), |phase| format!("{state}/{phase}"))
    }

    fn at(&self, later: u64) -> Moment {
        Moment::after_epoch(self.now + Duration::from_secs(later))
    }

    fn started(keys: &str) -> Self {
        let mut bench = Self::new(keys);
        assert_eq!(bench.on(Event::Start(person())), [Action::Spawn]);
        bench.on(Event::Spawned(7));
        bench
    }
}

fn clock(now: Duration) -> Clock {
    Clock {
        mono: Moment::after_epoch(now),
        wall: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_spawned_program_is_ready_when_nothing_else_is_asked() {
    let bench = Bench::started("");
    assert_eq!(bench.state(), "RUNNING/ready");
    assert_eq!(bench.machine.pid(), Some(7));
}

#[test]
fn a_notify_program_is_ready_when_it_says_so_and_fails_at_the_deadline() {
    let mut bench = Bench::new("ready = \"notify\"\nready_timeout = \"9s\"");
    bench.on(Event::Start(person()));
    assert_eq!(
        bench.on(Event::Spawned(7)),
        [Action::Arm(Timer::Ready, bench.at(9))]
    );
    assert_eq!(bench.state(), "RUNNING/starting");
    let more = Notification::ExtendTimeout(Duration::from_secs(30));
    assert_eq!(
        bench.on(Event::Notified(more)),
        [Action::Arm(Timer::Ready, bench.at(30))]
    );
    bench.on(Event::Notified(Notification::Ready));
    assert_eq!(bench.state(), "RUNNING/ready");

    let mut late = Bench::new("ready = \"notify\"");
    late.on(Event::Start(person()));
    late.on(Event::Spawned(7));
    let todo = late.on(Event::Due(Timer::Ready));
    assert_eq!(late.state(), "ERROR");
    assert!(todo.contains(&Action::Ask), "{todo:?}");
}

#[test]
fn a_stop_is_asked_for_then_forced_when_the_grace_is_over() {
    let mut bench = Bench::started("");
    assert_eq!(
        bench.on(Event::Stop(person())),
        [Action::Ask, Action::Arm(Timer::Grace, bench.at(10))]
    );
    assert_eq!(bench.state(), "STOPPING");
    assert_eq!(bench.on(Event::Due(Timer::Grace)), [Action::KillTree]);
    assert_eq!(bench.on(Event::Exited(Exit::Signal(9))), []);
    assert_eq!(bench.state(), "STOPPING");
    bench.on(Event::Emptied);
    assert_eq!(bench.state(), "TERMINATED");
    assert!(!bench.machine.alive());
}

#[test]
fn what_outlives_a_stopped_program_has_the_rest_of_the_grace() {
    let mut bench = Bench::started("");
    bench.on(Event::Stop(person()));
    assert_eq!(bench.on(Event::Exited(Exit::Code(0))), []);
    assert_eq!(bench.state(), "STOPPING");
    assert_eq!(bench.on(Event::Due(Timer::Grace)), [Action::KillTree]);
    bench.on(Event::Emptied);
    assert_eq!(bench.state(), "TERMINATED");
}

#[test]
fn a_crash_takes_its_tree_along_and_restarts_when_the_delay_is_over_and_the_tree_is_gone() {
    let mut bench = Bench::started("");
    let todo = bench.on(Event::Exited(Exit::Signal(11)));
    assert_eq!(
        todo,
        [Action::KillTree, Action::Arm(Timer::Restart, bench.at(1))]
    );
    assert_eq!(bench.state(), "ERROR");
    assert_eq!(
        bench.on(Event::Due(Timer::Restart)),
        [],
        "the old tree is still there"
    );
    assert_eq!(bench.state(), "RUNNING/starting");
    assert_eq!(bench.on(Event::Emptied), [Action::Spawn]);
    assert_eq!(bench.machine.restarts(), 1);
}

#[test]
fn a_success_exit_restarts_only_under_always() {
    let mut done = Bench::started("success_exit = [0, 7]");
    assert_eq!(done.on(Event::Exited(Exit::Code(7))), [Action::KillTree]);
    assert_eq!(done.state(), "TERMINATED");
    assert!(done.machine.satisfies());

    let mut always = Bench::started("[services.it.restart]\npolicy = \"always\"\ndelay = \"2s\"");
    let todo = always.on(Event::Exited(Exit::Code(0)));
    assert_eq!(
        todo,
        [Action::KillTree, Action::Arm(Timer::Restart, always.at(2))]
    );
    always.on(Event::Emptied);
    assert_eq!(always.on(Event::Due(Timer::Restart)), [Action::Spawn]);
}

#[test]
fn too_many_failures_stay_in_error_until_somebody_asks() {
    let mut bench = Bench::new("[services.it.restart]\nlimit = 3\ndelay = \"0s\"");
    bench.on(Event::Start(person()));
    for run in 1..=3 {
        bench.on(Event::Spawned(run));
        let todo = bench.on(Event::Exited(Exit::Code(1)));
        bench.on(Event::Emptied);
        assert_eq!(bench.state(), "ERROR");
        if run < 3 {
            assert!(
                todo.contains(&Action::Arm(Timer::Restart, bench.at(0))),
                "{todo:?}"
            );
            assert_eq!(bench.on(Event::Due(Timer::Restart)), [Action::Spawn]);
        } else {
            assert_eq!(todo, [Action::KillTree]);
            let why = "failed 3 times within 5m; the last time: exited with status 1";
            assert_eq!(bench.machine.detail(), Some(why));
        }
    }
    assert_eq!(bench.on(Event::Restart(person())), [Action::Spawn]);
    assert_eq!(bench.machine.restarts(), 0);
}

#[test]
fn a_start_while_stopping_waits_for_the_old_process() {
    let mut bench = Bench::started("");
    bench.on(Event::Stop(person()));
    assert_eq!(bench.on(Event::Start(person())), []);
    assert_eq!(bench.state(), "RUNNING/starting");
    bench.on(Event::Exited(Exit::Code(0)));
    assert_eq!(bench.on(Event::Emptied), [Action::Spawn]);
}

#[test]
fn the_verb_restart_stops_first() {
    let mut bench = Bench::started("");
    let todo = bench.on(Event::Restart(person()));
    assert_eq!(todo, [Action::Ask, Action::Arm(Timer::Grace, bench.at(10))]);
    bench.on(Event::Exited(Exit::Code(0)));
    assert_eq!(bench.on(Event::Emptied), [Action::Spawn]);
}

#[test]
fn a_stop_during_the_spawn_ends_what_was_spawned() {
    let mut bench = Bench::new("");
    bench.on(Event::Start(person()));
    assert_eq!(bench.on(Event::Stop(person())), []);
    assert_eq!(bench.state(), "STOPPING");
    assert_eq!(
        bench.on(Event::Spawned(7)),
        [Action::Ask, Action::Arm(Timer::Grace, bench.at(10))]
    );
    bench.on(Event::Exited(Exit::Signal(15)));
    bench.on(Event::Emptied);
    assert_eq!(bench.state(), "TERMINATED");
}

#[test]
fn a_stop_in_error_ends_the_automatic_restarts() {
    let mut bench = Bench::started("");
    bench.on(Event::Exited(Exit::Code(1)));
    bench.on(Event::Emptied);
    let todo = bench.machine.on(Event::Stop(person()), clock(bench.now));
    assert!(todo.contains(&Action::Disarm(Timer::Restart)), "{todo:?}");
    assert_eq!(bench.state(), "TERMINATED");
}

#[test]
fn hooks_run_in_their_places() {
    let keys = "before_start = [[\"a\"]]\nafter_start = [[\"b\"]]\nbefore_stop = [[\"c\"]]\nafter_stop = [[\"d\"]]";
    let mut bench = Bench::new(keys);
    assert_eq!(
        bench.on(Event::Start(person())),
        [Action::RunHooks(Hook::BeforeStart)]
    );
    assert_eq!(
        bench.on(Event::HooksEnded(Hook::BeforeStart, Ok(()))),
        [Action::Spawn]
    );
    assert_eq!(
        bench.on(Event::Spawned(7)),
        [Action::RunHooks(Hook::AfterStart)]
    );
    assert_eq!(bench.state(), "RUNNING/starting");
    bench.on(Event::HooksEnded(Hook::AfterStart, Ok(())));
    assert_eq!(bench.state(), "RUNNING/ready");
    assert_eq!(
        bench.on(Event::Stop(person())),
        [Action::RunHooks(Hook::BeforeStop)]
    );
    let todo = bench.on(Event::HooksEnded(
        Hook::BeforeStop,
        Err("c failed".to_owned()),
    ));
    assert_eq!(todo, [Action::Ask, Action::Arm(Timer::Grace, bench.at(10))]);
    bench.on(Event::Exited(Exit::Code(0)));
    assert_eq!(
        bench.on(Event::Emptied),
        [Action::RunHooks(Hook::AfterStop)]
    );
    bench.on(Event::HooksEnded(Hook::AfterStop, Ok(())));
    assert_eq!(bench.state(), "TERMINATED");
}

#[test]
fn a_failed_hook_before_the_start_is_a_failed_start() {
    let mut bench = Bench::new("before_start = [[\"a\"]]");
    bench.on(Event::Start(person()));
    let todo = bench.on(Event::HooksEnded(
        Hook::BeforeStart,
        Err("a failed".to_owned()),
    ));
    assert_eq!(todo, [Action::Arm(Timer::Restart, bench.at(1))]);
    assert_eq!(bench.state(), "ERROR");
}

#[test]
fn starts_that_come_to_nothing_are_no_busy_loop() {
    let mut bench = Bench::new("restart = { delay = \"0s\", limit = 0 }");
    bench.on(Event::Start(person()));
    let todo = bench.on(Event::SpawnFailed("no such file".to_owned()));
    let soon = Moment::after_epoch(Duration::from_millis(100));
    assert_eq!(todo, [Action::Arm(Timer::Restart, soon)]);
}

#[test]
fn unhealthy_is_a_failure_only_where_the_definition_says_so() {
    let check = "\n[[services.it.checks]]\ntcp = \"127.0.0.1:1\"";
    let mut calm = Bench::started(check);
    assert_eq!(calm.on(Event::Health(Standing::Unhealthy)), []);
    let mut strict = Bench::started(&format!("restart = {{ on_unhealthy = true }}{check}"));
    let todo = strict.on(Event::Health(Standing::Unhealthy));
    assert_eq!(strict.state(), "ERROR");
    assert!(todo.contains(&Action::Ask), "{todo:?}");
}

#[test]
fn a_watchdog_that_is_not_fed_is_a_failure() {
    let mut bench = Bench::started("ready = \"notify\"");
    bench.on(Event::Notified(Notification::Ready));
    let second = Notification::WatchdogInterval(Duration::from_secs(1));
    assert_eq!(
        bench.on(Event::Notified(second)),
        [Action::Arm(Timer::Watchdog, bench.at(1))]
    );
    bench.now = Duration::from_millis(500);
    let todo = bench.on(Event::Notified(Notification::WatchdogPing));
    assert_eq!(todo, [Action::Arm(Timer::Watchdog, bench.at(1))]);
    bench.on(Event::Due(Timer::Watchdog));
    assert_eq!(bench.state(), "ERROR");
}

#[test]
fn reload_by_signal_is_over_at_once_and_by_notify_when_confirmed() {
    let mut plain = Bench::started("reload = { signal = \"SIGHUP\" }");
    assert_eq!(plain.on(Event::Reload(person())), [Action::SignalReload]);
    assert_eq!(plain.state(), "RUNNING/ready");

    let mut notify = Bench::started("ready = \"notify\"\nreload = { signal = \"SIGHUP\" }");
    notify.on(Event::Notified(Notification::Ready));
    notify.on(Event::Reload(person()));
    assert_eq!(notify.state(), "RUNNING/reloading");
    notify.on(Event::Notified(Notification::Ready));
    assert_eq!(notify.state(), "RUNNING/ready");

    let mut none = Bench::started("");
    assert!(matches!(
        none.on(Event::Reload(person()))[..],
        [Action::Ignored(_)]
    ));
}

/// What the world around a machine may do next, chosen by a number.
#[derive(Debug, Default)]
struct World {
    spawning: bool,
    main: bool,
    tree: bool,
    hook: Option<Hook>,
    armed: std::collections::BTreeSet<Timer>,
}

impl World {
    fn obey(&mut self, todo: &[Action]) {
        for action in todo {
            match action {
                Action::Spawn => {
                    assert!(
                        !self.spawning && !self.tree && self.hook.is_none(),
                        "two at once: {self:?}"
                    );
                    self.spawning = true;
                }
                Action::RunHooks(hook) => {
                    assert!(self.hook.is_none(), "two hooks at once: {self:?}");
                    self.hook = Some(*hook);
                }
                Action::CancelHooks => self.hook = None,
                Action::Arm(timer, _) => {
                    self.armed.insert(*timer);
                }
                Action::Disarm(timer) => {
                    self.armed.remove(timer);
                }
                Action::Ask | Action::SignalReload => assert!(self.tree, "a signal to nobody"),
                Action::KillTree => {}
                Action::Changed(record) => assert_ne!(record.from, record.to),
                Action::Ignored(why) => assert!(!why.is_empty()),
            }
        }
    }

    fn choose(&mut self, choice: u8) -> Option<Event> {
        match choice {
            0 => Some(Event::Start(person())),
            1 => Some(Event::Stop(person())),
            2 => Some(Event::Restart(person())),
            3 => Some(Event::Reload(person())),
            4 if self.spawning => {
                self.spawning = false;
                (self.main, self.tree) = (true, true);
                Some(Event::Spawned(1))
            }
            5 if self.spawning => {
                self.spawning = false;
                Some(Event::SpawnFailed("no".to_owned()))
            }
            6 | 7 if self.main => {
                self.main = false;
                Some(Event::Exited(if choice == 6 {
                    Exit::Code(0)
                } else {
                    Exit::Code(1)
                }))
            }
            8 if self.tree && !self.main => {
                self.tree = false;
                Some(Event::Emptied)
            }
            9 | 10 => self.hook.take().map(|hook| {
                let result = if choice == 9 {
                    Ok(())
                } else {
                    Err("hook failed".to_owned())
                };
                Event::HooksEnded(hook, result)
            }),
            11 if self.main => Some(Event::Health(Standing::Unhealthy)),
            12 if self.main => Some(Event::Notified(Notification::Ready)),
            13 if self.main => Some(Event::Notified(Notification::Reloading)),
            14.. => self.armed.pop_first().map(Event::Due),
            _ => None,
        }
    }

    /// Lets everything end that can, as the real world does.
    fn settle(&mut self, machine: &mut Machine) {
        for _ in 0..64 {
            let choice = if self.hook.is_some() {
                9
            } else if self.spawning {
                4
            } else if self.main {
                6
            } else if self.tree {
                8
            } else {
                break;
            };
            if let Some(event) = self.choose(choice) {
                let todo = machine.on(event, clock(Duration::ZERO));
                self.obey(&todo);
            }
        }
    }
}

/// Services that differ in all that the machine looks at.
static KINDS: std::sync::LazyLock<[Arc<Service>; 4]> = std::sync::LazyLock::new(|| {
    [
"",
            "ready = \"notify\"\nbefore_start = [[\"a\"]]\nafter_stop = [[\"d\"]]",
            "after_start = [[\"b\"]]\nbefore_stop = [[\"c\"]]\nreload = { command = [\"r\"] }",
            "ready = \"notify\"\nreload = { signal = \"SIGHUP\" }\nrestart = { policy = \"always\", delay = \"0s\", on_unhealthy = true }\n[[services.it.checks]]\ntcp = \"127.0.0.1:1\"",
    ]
    .map(service)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Whatever comes in whatever order: never two processes at once, no signal to nobody, and a
    /// stop always ends with nothing left.
    #[test]
    fn nothing_runs_twice_and_a_stop_always_ends(
        choices in prop::collection::vec(0_u8..18, 0..60),
        kind in 0_usize..4,
    ) {
        let mut machine = Machine::new(Arc::clone(&KINDS[kind]), clock(Duration::ZERO));
        let mut world = World::default();
        for choice in choices {
            if let Some(event) = world.choose(choice) {
                let todo = machine.on(event, clock(Duration::ZERO));
                world.obey(&todo);
                prop_assert!(machine.pid().is_none() || world.main, "the pid of nothing");
                if machine.state() == State::Running(Phase::Ready) {
                    prop_assert!(world.main, "ready without a process");
                }
            }
        }
        let todo = machine.on(Event::Stop(person()), clock(Duration::ZERO));
        world.obey(&todo);
        world.settle(&mut machine);
        prop_assert!(!machine.alive());
        prop_assert!(matches!(machine.state(), State::Terminated), "{:?}", machine.state());
        prop_assert!(!world.armed.contains(&Timer::Restart), "it would start again");
    }
}
