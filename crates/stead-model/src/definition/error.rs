use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use super::path::Path;

/// Something wrong in a definition file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefinitionError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The key, as in `services.orders.checks[0].http`; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The key, word or name that was likely meant.
    pub suggestion: Option<String>,
    /// What to do about it, where that is not plain.
    pub hint: Option<String>,
}

/// `shop/stead.toml:12:3: unknown key `comand` in services.orders; did you mean `command`?`
///
/// The hint is left to the renderer.
impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.message
        )?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// Everything wrong in a definition file, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionErrors(Vec<DefinitionError>);

impl DefinitionErrors {
    /// The errors, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &DefinitionError> {
        self.0.iter()
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for DefinitionErrors {
    type Item = DefinitionError;
    type IntoIter = std::vec::IntoIter<DefinitionError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line for each error.
impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionErrors {}

/// Something wrong, before its place is known as line and column.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) path: Path,
    pub(crate) span: Option<Range<usize>>,
    /// Whether it is the key rather than the value that is wrong, where the span is not known.
    pub(crate) at_key: bool,
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(path: Path, message: impl Into<String>) -> Self {
        Self {
            path,
            span: None,
            at_key: false,
            message: message.into(),
            suggestion: None,
            hint: None,
        }
    }

    pub(crate) fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    pub(crate) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// So many faults are explained at a cost that grows with the file (the name that was meant, where
/// a key stood first); those after them are only reported.
pub(crate) const EXPLAINED_MAX: usize = 50;

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    /// For each list that lost elements to faults: where those that are left stood.
    gaps: Vec<(Path, Vec<usize>)>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.list.push(fault);
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }

    /// Remembers that of the list at `path` only the elements that stood at `places` are left.
    pub(crate) fn note_gaps(&mut self, path: Path, places: Vec<usize>) {
        self.gaps.push((path, places));
    }

    /// Where the decoded element `index` of the list at `path` stands in the file.
    pub(crate) fn element(&self, path: &Path, index: usize) -> Path {
        let places = self.gaps.iter().find(|(list, _)| list == path);
        path.index(places.map_or(index, |(_, places)| places[index]))
    }

    /// Whether anything at or below `path` is wrong.
    pub(crate) fn concern(&self, path: &Path) -> bool {
        self.list
            .iter()
            .any(|fault| fault.path.steps().starts_with(path.steps()))
    }

    /// Whether a fault noted after the first `noted` suggests `word`.
    pub(crate) fn suggested_since(&self, noted: usize, word: &str) -> bool {
        self.list[noted..]
            .iter()
            .any(|fault| fault.suggestion.as_deref() == Some(word))
    }

    /// Gives every fault noted after the first `noted` the hint.
    pub(crate) fn hint_since(&mut self, noted: usize, hint: impl Into<String>) {
        let hint = hint.into();
        for fault in &mut self.list[noted..] {
            fault.hint = Some(hint.clone());
        }
    }

    /// The faults with their places, unless there are none. `locate` knows where a fault without
    /// a span stands.
    pub(crate) fn into_errors(
        self,
        text: &str,
        file: &std::path::Path,
        locate: impl Fn(&Fault) -> usize,
    ) -> Result<(), DefinitionErrors> {
        if self.list.is_empty() {
            return Ok(());
        }
        let lines = Lines::new(text);
        let mut errors: Vec<_> = self
            .list
            .into_iter()
            .map(|fault| {
                let offset = fault
                    .span
                    .as_ref()
                    .map_or_else(|| locate(&fault), |span| span.start);
                let (line, column) = lines.place(offset);
                DefinitionError {
                    file: file.to_owned(),
                    line,
                    column,
                    key: fault.path.to_string(),
                    message: fault.message,
                    suggestion: fault.suggestion,
                    hint: fault.hint,
                }
            })
            .collect();
        errors.sort_by_key(|error| (error.line, error.column));
        Err(DefinitionErrors(errors))
    }
}

/// Turns a place in bytes into line and column.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let after_newline = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_newline).collect(),
        }
    }

    /// Line and column, both from 1, the column in characters. A byte order mark is no character.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = self.text[self.starts[line - 1]..offset]
            .chars()
            .filter(|c| *c != '\u{feff}')
            .count();
        (line, before + 1)
    }
}
