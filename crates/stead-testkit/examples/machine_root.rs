//! Makes the tree that machines boot from, if it is not there yet, so that no test waits for it.

fn main() {
    #[cfg(target_os = "linux")]
    drop(stead_testkit::Machine::boot());
}
