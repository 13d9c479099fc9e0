//! Hands captured bytes on to Stead's own stdout and stderr.

use std::fs::File;
use std::io::{self, Write};

use super::cri::Stream;

/// Unbuffered handles of both outputs. One that fails (a closed pipe) is given up.
#[derive(Debug)]
pub(super) struct PassThrough {
    stdout: Option<File>,
    stderr: Option<File>,
}

impl PassThrough {
    /// Duplicates the handles; an output that is closed is left out.
    pub(super) fn open() -> Self {
        Self {
            stdout: duplicate(&io::stdout()).ok(),
            stderr: duplicate(&io::stderr()).ok(),
        }
    }

    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let sink = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(file) = sink else { return Ok(()) };
        let result = write_all(file, bytes);
        if result.is_err() {
            *sink = None;
        }
        result
    }
}

#[cfg(unix)]
fn duplicate(output: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(output.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate(output: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(output.as_handle().try_clone_to_owned()?.into())
}

#[cfg(target_os = "linux")]
fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Whoever gave us this output made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stead_os::readiness::wait_writable(&*file)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}
