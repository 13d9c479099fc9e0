//! From `main` to the exit status.
//!
//! Three parties: who hears the system and posts (a handler, a signal), the service on a thread of
//! its own, and the owner on this one, who tells the platform how the service is. So neither can
//! hold up another.

use std::ffi::OsString;
use std::io;
use std::num::NonZeroU8;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};

use stead_os::control::ring::Receiver;
use stead_os::control::{self, Accepted, Controls, Ending, Watcher};

use crate::environment::Environment;
use crate::inbox::Inbox;
use crate::notify::Notifier;
use crate::platform::Platform;
use crate::report::{Report, Reports};
use crate::verbs::{self, About, Installer, Verb};
use crate::work::Work;
use crate::{Error, log};

/// As shells report a death by SIGINT.
const INTERRUPTED: u8 = 130;

/// As Rust programs end that panic.
const PANICKED: NonZeroU8 = NonZeroU8::new(101).expect("it is not 0");

/// As much as a main thread usually has; it is reserved, not used.
const STACK: usize = 8 * 1024 * 1024;

/// What installs services; there is none in this build.
const INSTALLER: Option<Installer> = None;

/// What a service finds around it.
pub(crate) struct Surroundings {
    pub(crate) name: String,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Environment,
    pub(crate) inbox: Inbox,
    pub(crate) reports: Arc<Reports>,
    pub(crate) work: Work,
}

/// The service, blocking or in a runtime of its own.
pub(crate) type Body = Box<dyn FnOnce(Surroundings) -> Result<(), Error> + Send>;

/// A service that is about to run.
struct Planned {
    name: &'static str,
    accepts: Accepted,
    arguments: Vec<OsString>,
    body: Body,
}

/// How a run ended.
enum Outcome {
    Returned(Result<(), Error>),
    Panicked,
    /// A second Ctrl+C came before it did.
    Interrupted {
        in_flight: usize,
    },
    /// It never began.
    Unstarted {
        why: &'static str,
        error: io::Error,
    },
}

/// Does what the command line says, and runs the service unless that is something else.
pub(crate) fn run(name: &'static str, accepts: Accepted, body: Body) -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).collect();
    let verb = verbs::take(&mut arguments, INSTALLER);
    if let (Verb::Native(verb), Some(installer)) = (verb, INSTALLER) {
        let name = name.to_owned();
        let about = About { name, arguments };
        return installer(verb, &about).unwrap_or_else(|error| {
            log::failure(&about.name, error.status().get(), &error.chain());
            ExitCode::from(error.status().get())
        });
    }
    let planned = Planned {
        name,
        // One that cannot be stopped is no service.
        accepts: accepts.and(Accepted::STOP),
        arguments,
        body,
    };
    #[cfg(windows)]
    let planned = if verb == Verb::Serve {
        match under_scm::run(planned) {
            Ok(code) => return code,
            Err(planned) => planned,
        }
    } else {
        planned
    };
    by_itself(planned)
}

/// In the foreground, under systemd, launchd or `stead up`.
fn by_itself(planned: Planned) -> ExitCode {
    let environment = Environment::of_this_process();
    let name = environment
        .service
        .clone()
        .unwrap_or_else(|| planned.name.to_owned());
    log::set_up(&environment, &name);
    let platform = Platform::Notify(Notifier::new(environment.notify_socket.as_deref()));
    let (poster, controls) = control::channel(planned.accepts);
    let outcome = match control::listen(poster) {
        Ok(()) => own(&platform, planned, name.clone(), environment, controls),
        Err(error) => Outcome::Unstarted {
            why: "cannot listen for signals",
            error,
        },
    };
    outcome.log(&name);
    ExitCode::from(outcome.status())
}

/// Runs the service on its thread and tells the platform how it is, until it is over.
fn own(
    platform: &Platform,
    planned: Planned,
    name: String,
    environment: Environment,
    controls: Controls,
) -> Outcome {
    platform.starting();
    let (reports, mut told) = Reports::new();
    let reports = Arc::new(reports);
    let work = Work::default();
    let inbox = Inbox::new(controls);
    let ending = inbox.ending().clone();
    let surroundings = Surroundings {
        name,
        arguments: planned.arguments,
        environment,
        inbox,
        reports: Arc::clone(&reports),
        work: work.clone(),
    };
    let body = planned.body;
    let service = thread::Builder::new()
        .name("service".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            // It is not looked at again after a panic, so nothing half-done in it can be seen.
            let outcome = match catch_unwind(AssertUnwindSafe(|| body(surroundings))) {
                Ok(result) => Outcome::Returned(result),
                Err(_) => Outcome::Panicked,
            };
            if let Outcome::Returned(Err(error)) = &outcome {
                reports.tell(Report::Status(format!("failed: {}", error.chain())));
            }
            reports.tell(Report::Ended);
            outcome
        });
    match service {
        Ok(service) => follow(platform, &ending, &mut told, service, &work),
        Err(error) => Outcome::Unstarted {
            why: "cannot start the service's thread",
            error,
        },
    }
}

fn follow(
    platform: &Platform,
    ending: &Ending,
    told: &mut Receiver<Report>,
    service: JoinHandle<Outcome>,
    work: &Work,
) -> Outcome {
    let mut stopping = false;
    loop {
        let report = control::wait(None, |context| {
            // One waker for both: that of the first is also told of the second.
            let insisted = ending.poll_insisted(context, Watcher::Platform).is_ready();
            if insisted || (!stopping && ending.is_asked()) {
                return Poll::Ready(None);
            }
            told.poll_receive(context)
        });
        // What was said after the request to end is told after it.
        if ending.is_asked() && !stopping {
            stopping = true;
            tracing::info!("stopping");
            platform.stopping();
        }
        if ending.is_insisted() {
            return Outcome::Interrupted {
                in_flight: work.in_flight(),
            };
        }
        match report.flatten() {
            Some(Report::Ended) => return service.join().unwrap_or(Outcome::Panicked),
            Some(report) => platform.tell(&report),
            None => {}
        }
    }
}

impl Outcome {
    /// The exit status, which is 0 only for what returned as it should.
    fn status(&self) -> u8 {
        match self {
            Self::Returned(Ok(())) => 0,
            Self::Returned(Err(error)) => error.status().get(),
            Self::Panicked => PANICKED.get(),
            Self::Interrupted { .. } => INTERRUPTED,
            Self::Unstarted { .. } => 1,
        }
    }

    fn log(&self, name: &str) {
        match self {
            Self::Returned(Ok(())) => tracing::info!("stopped"),
            Self::Returned(Err(error)) => log::failure(name, self.status(), &error.chain()),
            // The hook has said why.
            Self::Panicked => log::failure(name, self.status(), "it panicked"),
            Self::Interrupted { in_flight } => {
                tracing::warn!(service = name, in_flight, "interrupted before all was done");
            }
            Self::Unstarted { why, error } => {
                log::failure(name, self.status(), &format!("{why}: {error}"));
            }
        }
    }
}

#[cfg(windows)]
mod under_scm {
    use std::num::NonZeroU32;
    use std::process::ExitCode;
    use std::sync::{Arc, Mutex, PoisonError};

    use stead_os::scm::process::{self, DispatchError, Exit, Session};

    use super::{Planned, own};
    use crate::environment::Environment;
    use crate::log;
    use crate::platform::Platform;

    /// Runs it as the service that the service control manager has started; if that did not start
    /// this process, the plan comes back.
    pub(super) fn run(planned: Planned) -> Result<ExitCode, Planned> {
        let (name, accepts) = (planned.name, planned.accepts);
        let plan = Arc::new(Mutex::new(Some(planned)));
        let take = {
            let plan = Arc::clone(&plan);
            move || plan.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        let ended = process::run(name, accepts, {
            let take = take.clone();
            move |session| match take() {
                Some(planned) => serve(planned, session),
                None => Exit::PANICKED,
            }
        });
        match ended {
            Ok(Exit::Success) => Ok(ExitCode::SUCCESS),
            Ok(Exit::Windows(code) | Exit::Service(code)) => {
                Ok(u8::try_from(code.get()).map_or(ExitCode::FAILURE, ExitCode::from))
            }
            Err(error) => match (error, take()) {
                (DispatchError::NotAService, Some(planned)) => Err(planned),
                (error, _) => {
                    log::set_up(&Environment::of_this_process(), name);
                    log::failure(name, 1, &chain(&error));
                    Ok(ExitCode::FAILURE)
                }
            },
        }
    }

    /// With its cause.
    fn chain(error: &DispatchError) -> String {
        use std::error::Error as _;
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    fn serve(mut planned: Planned, session: Session) -> Exit {
        let environment = Environment::of_this_process();
        let name = environment
            .service
            .clone()
            .unwrap_or_else(|| session.name.to_string_lossy().into_owned());
        log::set_up(&environment, &name);
        planned.arguments.extend(session.arguments);
        let platform = Platform::Scm(session.reporter);
        let outcome = own(
            &platform,
            planned,
            name.clone(),
            environment,
            session.controls,
        );
        outcome.log(&name);
        NonZeroU32::new(outcome.status().into()).map_or(Exit::Success, Exit::Service)
    }
}
