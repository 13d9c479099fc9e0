//! What the first argument asks of a program: to run in the foreground, or something of the
//! system's own service manager.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::Error;

/// What a program written with the SDK is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Nothing was said: run, under whoever started it.
    Serve,
    /// `run`: in the foreground, whoever started it.
    Run,
    /// To be done by an [`Installer`].
    Native(NativeVerb),
}

/// What is done with the system's service manager, and not by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NativeVerb {
    Install,
    Uninstall,
    Start,
    Stop,
    Restart,
    Status,
}

/// What an installer needs to know.
#[derive(Debug)]
pub(crate) struct About {
    /// The service's name.
    pub(crate) name: String,
    /// What follows the verb: for an installation, what the service is to be started with.
    #[expect(dead_code, reason = "no installer is in this build that could read it")]
    pub(crate) arguments: Vec<OsString>,
}

/// Does a verb with the system's service manager.
pub(crate) type Installer = fn(NativeVerb, &About) -> Result<ExitCode, Error>;

/// Reads the verb off the arguments; what is left is the service's. Without an installer its verbs
/// are arguments as any.
pub(crate) fn take(arguments: &mut Vec<OsString>, installer: Option<Installer>) -> Verb {
    let first = arguments.first().and_then(|first| first.to_str());
    let verb = match first {
        Some("run") => Verb::Run,
        Some(word) if installer.is_some() => match native(word) {
            Some(verb) => Verb::Native(verb),
            None => return Verb::Serve,
        },
        _ => return Verb::Serve,
    };
    arguments.remove(0);
    verb
}

fn native(word: &str) -> Option<NativeVerb> {
    Some(match word {
        "install" => NativeVerb::Install,
        "uninstall" => NativeVerb::Uninstall,
        "start" => NativeVerb::Start,
        "stop" => NativeVerb::Stop,
        "restart" => NativeVerb::Restart,
        "status" => NativeVerb::Status,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &[&str], installer: Option<Installer>) -> (Verb, Vec<OsString>) {
        let mut arguments = words.iter().map(OsString::from).collect();
        (take(&mut arguments, installer), arguments)
    }

    #[test]
    fn verbs_are_taken_and_the_rest_is_left() {
        let installer: Installer = |_, about| Err(about.name.clone().into());
        let port = [OsString::from("--port")];
        for (words, with) in [
            (&["run", "--port"], Verb::Run),
            (&["install", "--port"], Verb::Native(NativeVerb::Install)),
            (&["status", "--port"], Verb::Native(NativeVerb::Status)),
        ] {
            assert_eq!(taken(words, Some(installer)), (with, port.to_vec()));
        }
        assert_eq!(taken(&["--port"], Some(installer)).0, Verb::Serve);
        assert_eq!(taken(&["--port", "run"], None).0, Verb::Serve);
        assert_eq!(taken(&[], None), (Verb::Serve, Vec::new()));
        assert_eq!(taken(&["run", "--port"], None), (Verb::Run, port.to_vec()));
        let left = taken(&["install"], None);
        assert_eq!(left, (Verb::Serve, vec!["install".into()]));
    }
}
