//! A failure as a person reads it: `error:`, `caused by:`, `hint:`, and the exit status.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use owo_colors::{OwoColorize, Style};
use stead_api::control::{Problem, ProblemKind};
use stead_client::ClientError;

pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NOT_FOUND: u8 = 3;
pub(crate) const DENIED: u8 = 4;
pub(crate) const UNREACHABLE: u8 = 5;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    error: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure with nothing known beyond its text.
    pub(crate) fn new(status: u8, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// A failure of an operation for the reason `source` and its own causes.
    pub(crate) fn of(status: u8, error: impl Into<String>, source: &(dyn Error + 'static)) -> Self {
        Self {
            causes: chain(Some(source)),
            ..Self::new(status, error)
        }
    }

    /// A failure whose text is the error's own.
    pub(crate) fn from_error(status: u8, error: &(dyn Error + 'static)) -> Self {
        Self {
            causes: chain(error.source()),
            ..Self::new(status, error.to_string())
        }
    }

    /// Adds the way out.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the operation; what was the error becomes its first cause.
    #[must_use]
    pub(crate) fn during(mut self, operation: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.error, operation.into());
        self.causes.insert(0, inner);
        self
    }

    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(self.status)
    }

    /// Writes it to stderr; several lines of one error each get their own `error:`.
    pub(crate) fn print(&self) {
        let mut stderr = anstream::stderr().lock();
        let red = Style::new().red().bold();
        for line in self.error.lines() {
            let _ = writeln!(stderr, "{} {line}", "error:".style(red));
        }
        for cause in &self.causes {
            let _ = writeln!(stderr, "{} {cause}", "caused by:".yellow());
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(stderr, "{} {hint}", "hint:".cyan());
        }
    }
}

fn chain(mut error: Option<&(dyn Error + 'static)>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(cause) = error {
        causes.push(cause.to_string());
        error = cause.source();
    }
    causes
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Problem(problem) => Self::from(problem.clone()),
            ClientError::Unreachable { .. } => Self::from_error(UNREACHABLE, &error).hint(
                "is Stead running? `stead up` starts it; --agent and --server say where it is",
            ),
            ClientError::Denied { .. } => Self::from_error(DENIED, &error)
                .hint("the control socket is for the account that runs the agent"),
            ClientError::Address { .. } => Self::from_error(USAGE, &error),
            ClientError::Refused { status, .. } => {
                let kind = match status.as_u16() {
                    403 => DENIED,
                    404 => NOT_FOUND,
                    _ => FAILED,
                };
                Self::from_error(kind, &error)
            }
            _ if error.is_unreachable() => Self::from_error(UNREACHABLE, &error),
            _ => Self::from_error(FAILED, &error),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = match problem.kind {
            ProblemKind::Failed => FAILED,
            ProblemKind::Usage => USAGE,
            ProblemKind::NotFound => NOT_FOUND,
            ProblemKind::Denied => DENIED,
        };
        Self {
            status,
            error: problem.error,
            causes: problem.causes,
            hint: problem.hint,
        }
    }
}
