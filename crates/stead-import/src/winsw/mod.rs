//! `WinSW`: an XML beside the executable that wraps the program.
//!
//! After the "XML configuration file" of `WinSW` 2 and 3.

mod logs;
mod restarts;
mod value;

use std::collections::BTreeMap;

use roxmltree::{Document, Node, ParsingOptions};
use stead_model::Service;
use stead_model::definition::{Argv, Start};

use crate::draft::{Notes, argv, finish, service_name};
use crate::windows::{note_variables, set_account, split};
use crate::{Format, ImportError, Imported};

/// Reads a `WinSW` XML.
///
/// # Errors
///
/// The text is no XML, has no `<service>`, or lacks `<id>` or `<executable>`; a value makes no
/// sense; or the rules of a definition refuse what it says.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    let options = ParsingOptions {
        // A configuration has no document type; what one can do to a reader is not wanted.
        allow_dtd: false,
        nodes_limit: 100_000,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        ImportError::syntax(
            error.pos().row as usize,
            format!("this is not XML: {error}"),
        )
    })?;
    let root = document.root_element();
    if !root.tag_name().name().eq_ignore_ascii_case("service") {
        return Err(ImportError::Missing {
            format: Format::WinSw,
            message: format!(
                "begins with <{}>, not with <service>",
                root.tag_name().name()
            ),
            hint: "take the XML that stands beside WinSW's executable and has its name",
        });
    }
    Reader::new(root).read()
}

struct Reader<'a> {
    root: Node<'a, 'a>,
    notes: Notes,
}

impl<'a> Reader<'a> {
    fn new(root: Node<'a, 'a>) -> Self {
        Self {
            root,
            notes: Notes::default(),
        }
    }

    fn read(mut self) -> Result<Imported, ImportError> {
        let id = self.required("id", "give the service an <id>")?;
        let name = service_name(Format::WinSw, &text(id), Some(line(id)), &mut self.notes)?;
        let directory = self.one("workingdirectory").map(|node| text(node));
        let program = self.required("executable", "name the program in <executable>")?;
        let at_home = directory.is_none();
        let command = self.command(
            program,
            &["startarguments", "startargument", "arguments", "argument"],
            at_home,
        )?;
        let mut service = Service::new(command);
        if id.has_children() && name != text(id).as_str() {
            service.display_name = Some(text(id));
        }
        if let Some(directory) = directory.filter(|it| !it.is_empty() && it != "%BASE%") {
            service.directory = directory;
        }
        if at_home {
            self.notes.add(
                None,
                "directory",
                "is the folder of stead.toml, as it was that of the XML (%BASE%); keep stead.toml there",
            );
        }
        // Without any of them WinSW starts nothing again, and the service is the machine's own.
        restarts::set(self.root, &mut service, &mut self.notes)?;
        for node in self.root.children().filter(Node::is_element) {
            self.element(node, &mut service, at_home)?;
        }
        self.stop_command(&mut service, at_home)?;
        if self.one("serviceaccount").is_none() {
            set_account(&mut service, None, None, &mut self.notes);
        }
        finish(Format::WinSw, BTreeMap::from([(name, service)]), self.notes)
    }

    fn element(
        &mut self,
        node: Node<'a, 'a>,
        service: &mut Service,
        at_home: bool,
    ) -> Result<(), ImportError> {
        let subject = format!("<{}>", node.tag_name().name());
        let value = text(node);
        let at = line(node);
        match node.tag_name().name().to_ascii_lowercase().as_str() {
            // These were read before, or are what Stead does anyway.
            "id" | "executable" | "onfailure" | "resetfailure" | "startarguments"
            | "startargument" | "arguments" | "argument" | "stoparguments" | "stopargument"
            | "stopexecutable" | "waithint" | "sleeptime" | "hidewindow" | "autorefresh" => {}
            "workingdirectory" => note_variables(
                if at_home { "" } else { &service.directory },
                at,
                &subject,
                &mut self.notes,
            ),
            "name" => service.display_name = some(value),
            "description" => service.description = some(value),
            "env" => self.variable(node, service),
            "stoptimeout" => service.stop.grace = value::period(node)?,
            "preshutdowntimeout" => service.windows.preshutdown_timeout = value::period(node)?,
            "startmode" => service.start = self.start(node, service.start),
            "delayedautostart" => {
                if value.is_empty() || value::is_true(&value) {
                    service.start = Start::Delayed;
                }
            }
            "depend" => self.notes.add(
                at,
                &subject,
                format!("{value} is a service of Windows; `depends_on` is for services of the same definition. Import it into the same file, or have the program wait for it"),
            ),
            "prestart" => self.hook(node, &mut service.before_start, at_home)?,
            "poststart" => self.hook(node, &mut service.after_start, at_home)?,
            "prestop" => self.hook(node, &mut service.before_stop, at_home)?,
            "poststop" => self.hook(node, &mut service.after_stop, at_home)?,
            "serviceaccount" => self.account(node, service),
            "log" | "logmode" | "logpath" | "outfiledisabled" | "errfiledisabled"
            | "outfilepattern" | "errfilepattern" | "outfilename" | "logname" | "sizethreshold"
            | "keepfiles" => logs::set(node, service, &mut self.notes)?,
            other => self.notes.add(at, &subject, unknown(other)),
        }
        Ok(())
    }

    /// The first element of that name.
    fn one(&self, name: &str) -> Option<Node<'a, 'a>> {
        child(self.root, name)
    }

    fn required(&self, name: &str, hint: &'static str) -> Result<Node<'a, 'a>, ImportError> {
        self.one(name)
            .filter(|node| !text(*node).is_empty())
            .ok_or_else(|| ImportError::Missing {
                format: Format::WinSw,
                message: format!("has no <{name}>"),
                hint,
            })
    }

    /// The program with the arguments from the elements of these names: the first of them that
    /// there is, as `WinSW` does.
    fn command(
        &mut self,
        program: Node<'a, 'a>,
        names: &[&str],
        at_home: bool,
    ) -> Result<Argv, ImportError> {
        let mut words = vec![self.path(program, &text(program), at_home)];
        for name in names {
            let nodes: Vec<_> = children(self.root, name).collect();
            if nodes.is_empty() {
                continue;
            }
            for node in nodes {
                // The plural holds a line, the singular one word.
                let given = text(node);
                let parts = if name.ends_with('s') {
                    split(&given)
                } else {
                    vec![given]
                };
                for part in parts {
                    words.push(self.path(node, &part, at_home));
                }
            }
            break;
        }
        argv(words, line(program))
    }

    /// A text that may name the folder of the XML. That is where the definition is put, and its
    /// working folder unless it names another.
    fn path(&mut self, node: Node<'_, '_>, given: &str, at_home: bool) -> String {
        let subject = format!("<{}>", node.tag_name().name());
        let mut given = given.to_owned();
        if at_home {
            for (there, here) in [("%BASE%\\", "./"), ("%BASE%/", "./"), ("%BASE%", ".")] {
                given = given.replace(there, here);
            }
        }
        note_variables(&given, line(node), &subject, &mut self.notes);
        given
    }

    fn variable(&mut self, node: Node<'_, '_>, service: &mut Service) {
        let attribute = |name| node.attribute(name).unwrap_or_default().to_owned();
        let (name, value) = (attribute("name"), attribute("value"));
        note_variables(
            &value,
            line(node),
            &format!("<env> {name}"),
            &mut self.notes,
        );
        service.environment.insert(name, value);
    }

    fn start(&mut self, node: Node<'_, '_>, before: Start) -> Start {
        match text(node).to_ascii_lowercase().as_str() {
            // It may have been delayed by the element of its own.
            "automatic" => before,
            "manual" => Start::Manual,
            "disabled" => Start::Disabled,
            other => {
                self.notes.add(
                    line(node),
                    "<startmode>",
                    format!("{other} is for drivers; `start` is automatic"),
                );
                Start::Automatic
            }
        }
    }

    /// The command that asks the program to stop: another program, or the same with other
    /// arguments.
    fn stop_command(&mut self, service: &mut Service, at_home: bool) -> Result<(), ImportError> {
        let Some(first) = ["stopexecutable", "stoparguments", "stopargument"]
            .into_iter()
            .find_map(|name| self.one(name))
        else {
            return Ok(());
        };
        let program = match self.one("stopexecutable") {
            Some(program) => program,
            None => self.required("executable", "name the program in <executable>")?,
        };
        let command = self.command(program, &["stoparguments", "stopargument"], at_home)?;
        self.notes.add(
            line(first),
            format!("<{}>", first.tag_name().name()),
            "is run before the stop, as `before_stop`; the program is sent Ctrl+C after it",
        );
        service.before_stop.push(command);
        Ok(())
    }

    fn hook(
        &mut self,
        node: Node<'a, 'a>,
        hooks: &mut Vec<Argv>,
        at_home: bool,
    ) -> Result<(), ImportError> {
        let subject = format!("<{}>", node.tag_name().name());
        let Some(program) = child(node, "executable").filter(|it| !text(*it).is_empty()) else {
            return Err(ImportError::syntax(
                line(node),
                format!("{subject} has no <executable>"),
            ));
        };
        let mut words = vec![self.path(program, &text(program), at_home)];
        for arguments in children(node, "arguments") {
            for word in split(&text(arguments)) {
                words.push(self.path(arguments, &word, at_home));
            }
        }
        hooks.push(argv(words, line(program))?);
        for other in node.children().filter(Node::is_element) {
            let name = other.tag_name().name();
            if !matches!(
                name.to_ascii_lowercase().as_str(),
                "executable" | "arguments"
            ) {
                self.notes.add(
                    line(other),
                    format!("{subject} <{name}>"),
                    "has no counterpart: the output of hooks is in the service's log",
                );
            }
        }
        Ok(())
    }

    fn account(&mut self, node: Node<'_, '_>, service: &mut Service) {
        let part = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| child(node, name))
                .map(text)
                .filter(|part| !part.is_empty())
        };
        let user = part(&["username", "user"]);
        let account = match (part(&["domain"]), user) {
            (Some(domain), Some(user)) if !user.contains('\\') => Some(format!(r"{domain}\{user}")),
            (_, user) => user,
        };
        set_account(service, account.as_deref(), line(node), &mut self.notes);
        for other in node.children().filter(Node::is_element) {
            match other.tag_name().name().to_ascii_lowercase().as_str() {
                "username" | "user" | "domain" | "allowservicelogon" => {}
                "password" => self.notes.add(
                    line(other),
                    "<password>",
                    "was not copied; `stead service install` asks for it, or reads it from a file",
                ),
                "prompt" => self.notes.add(
                    line(other),
                    "<prompt>",
                    "is not needed: `stead service install` asks for the password",
                ),
                name => self
                    .notes
                    .add(line(other), format!("<{name}>"), unknown(name)),
            }
        }
    }
}

fn unknown(name: &str) -> String {
    let advice = match name {
        "priority" => "set the priority in the program itself",
        "stopparentprocessfirst" => "Stead asks the whole tree to end and kills what is left",
        "download" => "fetch the file in a command of `before_start`",
        "shareddirectorymapping" => "use the path of the share (\\\\server\\share) in the command",
        "extensions" => {
            "see what the extension does: the process tree is always ended here, and a share is used by its path"
        }
        "interactive" => "services have had no desktop since Windows Vista",
        "beeponshutdown" => "nothing beeps",
        "preshutdown" => "see `windows.preshutdown_timeout`",
        "securitydescriptor" => "set it with `sc sdset` once it is installed",
        _ => "see the definition's keys for what comes next to it",
    };
    format!("has no counterpart: {advice}")
}

/// The text of an element, without the space around it.
fn text(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|part| part.text())
        .collect::<String>()
        .trim()
        .to_owned()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn children<'a>(node: Node<'a, 'a>, name: &str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| {
        child.is_element() && child.tag_name().name().eq_ignore_ascii_case(name)
    })
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    children(node, name).next()
}

/// The line an element begins in.
fn line(node: Node<'_, '_>) -> usize {
    node.document().text_pos_at(node.range().start).row as usize
}
