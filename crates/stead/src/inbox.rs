//! The controls as the service takes them.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use stead_os::control::{Control, Controls, Ending};

use crate::report::{Report, Reports};

/// What the service was asked and has not looked at yet.
#[derive(Debug)]
pub(crate) struct Inbox {
    intake: Mutex<Intake>,
    ending: Ending,
}

#[derive(Debug)]
struct Intake {
    controls: Controls,
    /// The service was told to end, which is the last it is told.
    over: bool,
}

impl Inbox {
    pub(crate) fn new(controls: Controls) -> Self {
        Self {
            ending: controls.ending().clone(),
            intake: Mutex::new(Intake {
                controls,
                over: false,
            }),
        }
    }

    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The next control as soon as there is one; `None` after one that ends the service. That the
    /// service has taken notice is reported.
    pub(crate) fn poll_next(
        &self,
        context: &mut Context<'_>,
        reports: &Reports,
    ) -> Poll<Option<Control>> {
        let control = ready!(self.poll(context));
        match control {
            Some(Control::Pause) => reports.tell(Report::Pausing),
            Some(Control::Continue) => reports.tell(Report::Resuming),
            Some(Control::Reload) => reports.tell(Report::Reloading),
            _ => {}
        }
        Poll::Ready(control)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Control>> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        if intake.over {
            return Poll::Ready(None);
        }
        let control = ready!(intake.controls.poll_next(context));
        intake.over = control.is_none_or(Control::ends);
        Poll::Ready(control)
    }
}
