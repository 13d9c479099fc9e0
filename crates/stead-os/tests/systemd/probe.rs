//! What the systemd tests run inside the machine: this crate, used as a service or its
//! administrator would.

#[cfg(target_os = "linux")]
#[path = "probe_verbs.rs"]
mod verbs;

fn main() {
    #[cfg(target_os = "linux")]
    verbs::run();
}
