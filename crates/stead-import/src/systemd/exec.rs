//! `ExecStart=` and its like: prefixes, words, variables.

use stead_model::definition::{Argv, Signal};

use super::Reader;
use super::unit::{Assignment, words};
use crate::draft::argv;
use crate::{Format, ImportError};

/// The characters before the program that change how it is run.
const PREFIXES: &[char] = &['@', '-', ':', '+', '!', '|'];

impl Reader {
    /// The program itself.
    pub(super) fn start_command(
        &mut self,
        assignments: &[Assignment],
    ) -> Result<Argv, ImportError> {
        let starts: Vec<_> = assignments
            .iter()
            .filter(|it| it.section == "Service" && it.key == "ExecStart")
            .collect();
        let Some(first) = starts.first() else {
            return Err(ImportError::Missing {
                format: Format::Systemd,
                message: "has no ExecStart=".to_owned(),
                hint: "give [Service] an ExecStart=; a unit of another kind cannot be imported",
            });
        };
        for more in &starts[1..] {
            self.none(more, "is one more program; a service here has one. Put it into `before_start`, or into a service of its own");
        }
        let mut commands = self.commands(first)?;
        if commands.len() > 1 {
            self.none(
                first,
                "has several programs; a service here has one, the last",
            );
        }
        commands
            .pop()
            .ok_or_else(|| ImportError::syntax(first.line, "ExecStart= names no program"))
    }

    /// The commands of an assignment, which `;` parts.
    pub(super) fn commands(&mut self, assignment: &Assignment) -> Result<Vec<Argv>, ImportError> {
        assignment
            .value
            .split(" ; ")
            .map(|command| self.one(command.trim(), assignment))
            .collect()
    }

    fn one(&mut self, command: &str, assignment: &Assignment) -> Result<Argv, ImportError> {
        let prefixes = command
            .find(|c| !PREFIXES.contains(&c))
            .map_or(command, |end| &command[..end]);
        let mut given = words(&command[prefixes.len()..], assignment.line)?;
        for prefix in prefixes.chars() {
            let advice = match prefix {
                '@' => {
                    if given.len() > 1 {
                        given.remove(1);
                    }
                    "its own first argument was left out: a program here is called by its path"
                }
                '-' => {
                    "ignores a failure, which counts here; list statuses that are none in `success_exit`, or run the hook by a shell that ignores it"
                }
                ':' => continue,
                _ => {
                    "runs with root's rights, which no command of a service with a `user` has here"
                }
            };
            self.notes.add(
                assignment.line,
                format!("{}={prefix}…", assignment.key),
                advice,
            );
        }
        let literal = prefixes.contains(':');
        let mut expanded = Vec::new();
        for word in given {
            let word = self.expanded(&word, assignment);
            if literal {
                expanded.push(word);
            } else {
                self.substitute(&word, assignment, &mut expanded);
            }
        }
        argv(expanded, assignment.line)
    }

    /// Puts in variables the unit itself sets: `${NAME}` anywhere, `$NAME` as a word of its own,
    /// which may become several.
    fn substitute(&mut self, word: &str, assignment: &Assignment, into: &mut Vec<String>) {
        if let Some(name) = word.strip_prefix('$')
            && is_name(name)
        {
            if let Some(value) = self.variable(name) {
                into.extend(value.split_whitespace().map(str::to_owned));
            } else {
                self.note_variable(name, assignment);
                into.push(word.to_owned());
            }
            return;
        }
        let mut text = String::new();
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some((name, next)) =
                after.strip_prefix('{').and_then(|it| it.split_once('}'))
            {
                if let Some(value) = self.variable(name) {
                    text.push_str(&value);
                } else {
                    self.note_variable(name, assignment);
                    text.push_str("${");
                    text.push_str(name);
                    text.push('}');
                }
                rest = next;
            } else {
                text.push('$');
                rest = after;
            }
        }
        text.push_str(rest);
        into.push(text);
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.environment.as_ref()?.get(name).cloned()
    }

    fn note_variable(&mut self, name: &str, assignment: &Assignment) {
        self.notes.add(
            assignment.line,
            format!("{}=", assignment.key),
            format!("has ${name} in it; Stead puts in no variables, so write its value"),
        );
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The signal, where the command is `kill` sending one to the main process.
pub(super) fn kill_signal(value: &str, line: usize) -> Option<Signal> {
    let words = words(value.trim_start_matches(PREFIXES), line).ok()?;
    let (program, arguments) = words.split_first()?;
    if program.rsplit('/').next() != Some("kill") {
        return None;
    }
    let (target, options) = arguments.split_last()?;
    if target != "$MAINPID" && target != "${MAINPID}" {
        return None;
    }
    let name = match options {
        [] => "TERM",
        [option] => option
            .strip_prefix("--signal=")
            .or_else(|| option.strip_prefix('-'))?,
        [flag, name] if flag == "-s" || flag == "--signal" => name,
        _ => return None,
    };
    match name {
        "1" => Some(Signal::Hup),
        "2" => Some(Signal::Int),
        "3" => Some(Signal::Quit),
        "10" => Some(Signal::Usr1),
        "12" => Some(Signal::Usr2),
        "15" => Some(Signal::Term),
        name => name.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_is_a_signal() {
        for (value, signal) in [
            ("/bin/kill -HUP $MAINPID", Some(Signal::Hup)),
            ("-/usr/bin/kill -s SIGUSR1 ${MAINPID}", Some(Signal::Usr1)),
            ("/bin/kill --signal=USR2 $MAINPID", Some(Signal::Usr2)),
            ("/bin/kill -1 $MAINPID", Some(Signal::Hup)),
            ("/bin/kill $MAINPID", Some(Signal::Term)),
            ("/bin/kill -HUP 12", None),
            ("/usr/sbin/nginx -s reload", None),
        ] {
            assert_eq!(kill_signal(value, 1), signal, "{value}");
        }
    }
}
