//! Keeps the out-of-memory killer off guardians.
//!
//! A guardian holds next to nothing, and its death ends every program. What it starts is to be
//! judged as it would be without a guardian, by Stead's own score.

use std::fs;

/// Documentation: the kernel's `proc_pid_oom_score_adj(5)`.
const OWN_SCORE: &str = "/proc/self/oom_score_adj";
/// Tried in turn. The first, never to be chosen, takes `CAP_SYS_RESOURCE`; the second is allowed
/// to anyone whose score was only raised, as a login's programs are.
const SCORES: [i32; 2] = [-1000, 0];

/// Lowers the score of this process as far as is allowed. What the programs are to be given back,
/// as the kernel reads it, if anything has changed.
pub(super) fn protect() -> Option<Vec<u8>> {
    let inherited = fs::read_to_string(OWN_SCORE).ok()?;
    let score: i32 = inherited.trim().parse().ok()?;
    SCORES
        .into_iter()
        .filter(|lower| *lower < score)
        .any(|lower| fs::write(OWN_SCORE, lower.to_string()).is_ok())
        .then(|| inherited.into_bytes())
}
