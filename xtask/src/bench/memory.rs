//! What processes cost, as the kernel counts it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use stead_testkit::processes;

use crate::shell;

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Pages shared with others count in full, once for each process.
    pub(super) resident: u64,
    /// Pages shared with others count by our share.
    pub(super) proportional: u64,
}

/// The running processes at and below `pid` that run the same executable as it: a supervisor and
/// its helpers, without the programs.
pub(super) fn own_processes(pid: u32) -> Vec<u32> {
    let image = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = image(pid);
    let helpers = processes::descendants(pid)
        .into_iter()
        .map(|process| process.pid)
        .filter(|&helper| own.is_some() && image(helper) == own);
    std::iter::once(pid).chain(helpers).collect()
}

pub(super) fn memory(pids: &[u32]) -> Result<Memory> {
    let mut sum = Memory::default();
    for pid in pids {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        sum.resident += field(&text, "Rss:").with_context(|| format!("no Rss in {path}"))?;
        sum.proportional += field(&text, "Pss:").with_context(|| format!("no Pss in {path}"))?;
    }
    Ok(sum)
}

/// The processor time that processes have used since they started.
pub(super) fn processor_time(pids: &[u32]) -> Result<Duration> {
    let ticks_a_second: u32 = shell::output(shell::command("getconf").arg("CLK_TCK"))?
        .trim()
        .parse()?;
    let mut ticks = 0;
    for pid in pids {
        let path = format!("/proc/{pid}/stat");
        let text =
            fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
        ticks += user_and_system(&text).with_context(|| format!("cannot make sense of {path}"))?;
    }
    Ok(Duration::from_secs(ticks) / ticks_a_second)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Fields 14 and 15 of `/proc/PID/stat`; the name before them may hold anything.
fn user_and_system(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        assert_eq!(field("Rss:   12 kB\nPss:    7 kB\n", "Pss:"), Some(7));
        let stat = "1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 50 6 7 8 20 0 1 0";
        assert_eq!(user_and_system(stat), Some(56));
    }

    #[test]
    fn we_have_memory_and_have_used_time() {
        let me = [std::process::id()];
        let memory = memory(&me).unwrap();
        assert!(memory.resident >= memory.proportional && memory.proportional > 0);
        assert!(processor_time(&me).is_ok());
        assert!(own_processes(me[0]).contains(&me[0]));
    }
}
