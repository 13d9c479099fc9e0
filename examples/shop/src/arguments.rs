//! The programs' command lines: `--port PORT`, and `--data FOLDER` where
//! something is kept.

use std::path::PathBuf;

/// What a program was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where to keep things.
    pub data: Option<PathBuf>,
}

/// The command line makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// Nothing here has that name.
    #[error("unknown argument {0:?}: expected --port PORT or --data FOLDER")]
    Unknown(String),
    /// The last argument wants a value.
    #[error("{0} needs a value")]
    Missing(&'static str),
    /// It has to be a number that fits.
    #[error("{0:?} is not a port")]
    Port(String),
}

impl Arguments {
    /// Reads a command line, without the program's name.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, ArgumentsError> {
        let mut words = words.into_iter();
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--port" => {
                    let port = words.next().ok_or(ArgumentsError::Missing("--port"))?;
                    arguments.port = port.parse().map_err(|_| ArgumentsError::Port(port))?;
                }
                "--data" => {
                    let folder = words.next().ok_or(ArgumentsError::Missing("--data"))?;
                    arguments.data = Some(folder.into());
                }
                _ => return Err(ArgumentsError::Unknown(word)),
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let parse = |line: &str| Arguments::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Ok(Arguments::default()));
        assert_eq!(
            parse("--port 7001 --data d"),
            Ok(Arguments {
                port: 7001,
                data: Some("d".into())
            })
        );
        assert_eq!(parse("--port"), Err(ArgumentsError::Missing("--port")));
        assert_eq!(
            parse("--port 70000"),
            Err(ArgumentsError::Port("70000".into()))
        );
        assert_eq!(parse("-p 1"), Err(ArgumentsError::Unknown("-p".into())));
    }
}
