//! `stead doctor`.

use std::process::ExitCode;

use serde::Serialize;
use stead_os::process::{CgroupMode, Launcher, LauncherOptions};

use super::{client, definition, services};
use crate::cli::{Common, Doctor, Output};
use crate::failure::{FAILED, Failure};
use crate::output;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What.
    subject: &'static str,
    /// `ok`, `note` or `bad`.
    verdict: Verdict,
    /// What was found, and what to do about it.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Note,
    Bad,
}

pub(crate) fn run(common: &Common, doctor: &Doctor) -> Result<ExitCode, Failure> {
    let mut findings = vec![processes(), descriptors()];
    findings.push(agent(common));
    if let Some(file) = &doctor.file {
        findings.extend(services_of(file)?);
    }
    match common.output {
        Output::Json => output::json(&findings)?,
        Output::Table => output::table(
            &["SUBJECT", "VERDICT", "FINDING"],
            findings.iter().map(|finding| {
                let verdict = match finding.verdict {
                    Verdict::Ok => "ok",
                    Verdict::Note => "note",
                    Verdict::Bad => "bad",
                };
                vec![
                    finding.subject.to_owned(),
                    verdict.to_owned(),
                    finding.text.clone(),
                ]
            }),
        )?,
    }
    let bad = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Bad);
    Ok(if bad {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether process trees can be kept together, and how.
fn processes() -> Finding {
    let subject = "processes";
    let started = services::runtime_folder()
        .map_err(|failure| format!("{failure:?}"))
        .and_then(|folder| {
            Launcher::start(LauncherOptions {
                runs: folder.join("runs"),
                cgroup: CgroupMode::Auto,
            })
            .map_err(|error| error.to_string())
        });
    match started {
        Ok(launcher) if launcher.uses_cgroups() => {
            Finding { subject, verdict: Verdict::Ok, text: "each service has a cgroup of its own".to_owned() }
        }
        Ok(_) if cfg!(windows) => {
            Finding { subject, verdict: Verdict::Ok, text: "each service has a Job Object of its own".to_owned() }
        }
        Ok(_) => Finding {
            subject,
            verdict: Verdict::Note,
            text: "no writable cgroup v2: each service gets a guardian process, and limits other than open_files are not enforced".to_owned(),
        },
        Err(why) => Finding { subject, verdict: Verdict::Bad, text: why },
    }
}

fn descriptors() -> Finding {
    let subject = "descriptors";
    match stead_os::host::open_files_limit() {
        Some(limit) if limit < 1024 => Finding {
            subject,
            verdict: Verdict::Note,
            text: format!(
                "{limit} open files at most; a registry with many watchers wants more (ulimit -n)"
            ),
        },
        Some(limit) => Finding {
            subject,
            verdict: Verdict::Ok,
            text: format!("{limit} open files at most"),
        },
        None => Finding {
            subject,
            verdict: Verdict::Ok,
            text: "no limit on open files".to_owned(),
        },
    }
}

fn agent(common: &Common) -> Finding {
    let subject = "agent";
    let asked = client::block_on(async { Ok(client::agent(common).await?.agent().await?) });
    match asked {
        Ok(agent) => Finding {
            subject,
            verdict: Verdict::Ok,
            text: format!("stead {} answers (pid {})", agent.version, agent.pid),
        },
        Err(_) => Finding {
            subject,
            verdict: Verdict::Note,
            text: "none answers from here; `stead up` starts one".to_owned(),
        },
    }
}

/// Whether the programs of a definition can be found.
fn services_of(file: &std::path::Path) -> Result<Vec<Finding>, Failure> {
    let loaded = definition::load(file)?;
    let environment = stead_supervisor::environment::inherited();
    let findings = loaded.definition.services.iter().map(|(name, service)| {
        let directory = loaded.base.join(&service.directory);
        let program = service.command.program();
        let found = stead_supervisor::program::find(program, &directory, &environment);
        match found {
            Ok(path) if path.is_file() => Finding {
                subject: "service",
                verdict: Verdict::Ok,
                text: format!("{name} runs {}", path.display()),
            },
            Ok(path) => Finding {
                subject: "service",
                verdict: Verdict::Bad,
                text: format!("{name}: no file {}", path.display()),
            },
            Err(error) => Finding {
                subject: "service",
                verdict: Verdict::Bad,
                text: format!("{name}: {error}"),
            },
        }
    });
    Ok(findings.collect())
}
