//! A full disk under the logs.

use std::fs;
use std::os::unix::fs::MetadataExt;

use stead_testkit::{DEADLINE, eventually};

use crate::support::{assert_in_order, pid, ready, stack, stdout};

/// `stead up` in a mount namespace of its own, with a tmpfs of 64 KiB as its log folder; what is
/// in the namespace goes with its last process.
#[test]
fn services_live_dropped_lines_are_counted_and_logging_goes_on() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not root: no file system of one's own can be mounted");
        return;
    }
    let builder = stack();
    let wrapper = stead_testkit::programs::script(
        builder.folder(),
        "stead-on-tmpfs",
        &format!(
            "case \"$1\" in up) ;; *) exec {stead} \"$@\";; esac\n\
             logs=$2/.stead/logs\n\
             mkdir -p \"$logs\"; chmod 700 \"$2/.stead\"\n\
             exec unshare --mount sh -c 'mount -t tmpfs -o size=64k none \"$0\" && exec {stead} \"$@\"' \"$logs\" \"$@\"",
            stead = env!("CARGO_BIN_EXE_stead")
        ),
    );
    // The wrapper's folder must live as long as the stack's own.
    let stack = stead_testkit::Stack::of(&wrapper);
    let go = stack.folder().join("go");
    let stack = stack.up(
        "[services.a]\n\
         command = [\"sh\", \"-c\", \"echo first; until test -e go; do sleep 0.02; done; seq 1 100000; touch full; until test -e more; do sleep 0.02; done; while :; do echo again; sleep 0.02; done\"]\n\
         logs = { max_size = \"1MiB\", keep = 1 }\n",
    );
    let status = ready(&stack, "a");
    let logs = format!(
        "/proc/{}/root{}",
        stack.pid(),
        stack.data().join("logs").display()
    );
    fs::write(go, "").unwrap();
    let full = stack.folder().join("full");
    // 100,000 lines went into 64 KiB without holding the program up.
    eventually(DEADLINE, "the program is not held up", || full.exists());

    // Somebody makes room.
    let files: Vec<_> = fs::read_dir(&logs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    let used: u64 = files
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(used <= 64 << 10, "{used} bytes");
    let mut remount = std::process::Command::new("nsenter");
    remount.arg(format!("--mount=/proc/{}/ns/mnt", stack.pid()));
    remount
        .args(["mount", "-o", "remount,size=8m", "none"])
        .arg(stack.data().join("logs"));
    assert!(remount.status().unwrap().success());
    fs::write(stack.folder().join("more"), "").unwrap();
    eventually(DEADLINE, "logging goes on", || {
        stdout(&stack.stead(&["logs", "a"])).contains("again")
    });
    let told = stdout(&stack.stead(&["logs", "--timestamps", "a"]));
    assert_in_order(&told, &["first", "dropped", "again"]);
    assert_eq!(pid(&ready(&stack, "a")), pid(&status));
    stack.stop();
    drop(builder);
}
