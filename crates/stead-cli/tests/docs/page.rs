//! A page of Markdown as far as this test looks at it: its fenced blocks.

/// A document.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its path from the root.
    pub(crate) name: String,
    /// Its blocks of code, in order.
    pub(crate) blocks: Vec<Block>,
    /// The whole of it.
    pub(crate) text: String,
}

/// A fenced block of code.
#[derive(Debug)]
pub(crate) struct Block {
    /// The line its fence is on, from 1.
    pub(crate) line: usize,
    /// What its fence says: a language, and maybe a file's name.
    info: String,
    /// What is in it.
    pub(crate) text: String,
}

/// A command with what it prints.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line it is on, from 1.
    pub(crate) line: usize,
    /// The command, or `^C`.
    pub(crate) command: String,
    /// The lines below it.
    pub(crate) expected: Vec<String>,
}

impl Page {
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (line, content) in (1..).zip(text.lines()) {
            match (&mut open, content.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(Block {
                        line,
                        info: info.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (None, None) => {}
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(content);
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{name}: a block is not closed");
        Self {
            name: name.to_owned(),
            blocks,
            text: text.to_owned(),
        }
    }
}

impl Block {
    pub(crate) fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }

    /// The file it is.
    pub(crate) fn file(&self) -> Option<&str> {
        self.info.split_once(' ').map(|(_, file)| file)
    }

    /// Whether it shows commands for a person to type.
    pub(crate) fn has_commands(&self) -> bool {
        self.language() == "console"
            || self.language() == "powershell"
            || self.text.lines().any(|line| line.starts_with("$ "))
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (line, content) in (self.line + 1..).zip(self.text.lines()) {
            let command = if content == "^C" {
                Some(content)
            } else {
                content.strip_prefix("$ ")
            };
            if let Some(command) = command {
                steps.push(Step {
                    line,
                    command: command.to_owned(),
                    expected: Vec::new(),
                });
                continue;
            }
            let step = steps.last_mut();
            let step = step.unwrap_or_else(|| panic!("line {line}: output without a command"));
            match content.strip_prefix("> ") {
                Some(more) if step.expected.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                }
                _ => step.expected.push(content.to_owned()),
            }
        }
        steps
    }
}

#[test]
fn blocks_and_steps_are_found() {
    let text = "a\n```toml x.toml\nb = 1\n```\n```console\n$ one\n> two\nout\n> put\n^C\n```\n";
    let page = Page::parse("p", text);
    assert_eq!(page.blocks[0].file(), Some("x.toml"));
    let steps = page.blocks[1].steps();
    assert_eq!((steps[0].command.as_str(), steps[0].line), ("one\ntwo", 6));
    assert_eq!(steps[0].expected, ["out", "> put"]);
    assert_eq!(steps[1].command, "^C");
}
