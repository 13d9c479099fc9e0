//! This process's own memory.

/// Lets go of the pages of program code that the start has mapped and that waiting does not need.
///
/// Code is clean and backed by files: what is needed again is mapped again from the page cache,
/// a microsecond a time. What is let go of no longer counts as resident, and the system can give
/// it away without asking. To be called once, when a process has nothing to do but wait. Where it
/// does not work nothing happens.
#[cfg(target_os = "linux")]
pub fn release_startup_code() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for line in maps.lines() {
        if let Some((start, length)) = code_of_a_file(line) {
            // SAFETY: the range is a private, read-only, executable mapping of a file as the
            // kernel has just listed it. No page of it was ever written (position-independent
            // code has no relocations in its text), so dropping one and reading it from the file
            // again cannot be told apart. Code that runs meanwhile faults its page in.
            let released = unsafe {
                rustix::mm::madvise(
                    std::ptr::without_provenance_mut(start),
                    length,
                    rustix::mm::Advice::LinuxDontNeed,
                )
            };
            if let Err(error) = released {
                tracing::debug!(%error, line, "cannot release code");
            }
        }
    }
}

/// Start and length of a mapping of `/proc/PID/maps` (`proc_pid_maps(5)`) that is code of a file.
#[cfg(target_os = "linux")]
fn code_of_a_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let (_offset, _device, inode, path) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    if permissions != "r-xp" || inode == "0" || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

/// Nothing elsewhere: the system's own trimming has to do.
#[cfg(not(target_os = "linux"))]
pub fn release_startup_code() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_named() {
        for (line, expected) in [
            (
                "55d0-55e0 r-xp 00001000 fe:00 42   /usr/bin/stead",
                Some((0x55d0, 0x10)),
            ),
            ("55d0-55e0 r--p 00001000 fe:00 42   /usr/bin/stead", None),
            ("55d0-55e0 rw-p 00001000 fe:00 42   /usr/bin/stead", None),
            ("55d0-55e0 r-xp 00000000 00:00 0    [vdso]", None),
            ("55d0-55e0 r-xp 00000000 00:00 0", None),
            ("nonsense", None),
        ] {
            assert_eq!(code_of_a_file(line), expected, "{line}");
        }
    }

    #[test]
    fn code_that_was_released_still_runs() {
        release_startup_code();
        let sum: u64 = (1..=1000_u64).map(|n| n.rotate_left(3)).sum();
        assert_eq!(sum, 8 * 500_500);
    }
}
