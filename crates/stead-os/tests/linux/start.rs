//! What a program finds when it starts.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use stead_os::process::{Exit, Output, Stdin};

use crate::support::{
    command, exit_of, first_line, guardians_of, in_both_modes, is_root, shell, status,
};

#[tokio::test]
async fn the_environment_is_exactly_the_given_one_and_the_invocation() {
    in_both_modes(|stage| async move {
        let mut sleep = command("/bin/sleep", &[&stage.mark.0]);
        let strange = OsString::from_vec(b"a=b \xff\n".to_vec());
        sleep.environment = vec![
            ("PLAIN".into(), "1".into()),
            ("STRANGE".into(), strange.clone()),
            ("EMPTY".into(), "".into()),
            ("STEAD_INVOCATION".into(), "another Stead's".into()),
        ];
        let first = stage.spawn(sleep.clone()).await;
        let second = stage.spawn(sleep).await;
        let mut invocations = Vec::new();
        for process in [&first, &second] {
            let environment = fs::read(format!("/proc/{}/environ", process.id())).unwrap();
            let mut found = environment.split(|byte| *byte == 0);
            assert_eq!(found.next().unwrap(), b"PLAIN=1");
            let mut expected = b"STRANGE=".to_vec();
            expected.extend_from_slice(strange.as_bytes());
            assert_eq!(found.next().unwrap(), expected);
            assert_eq!(found.next().unwrap(), b"EMPTY=");
            let invocation = found
                .next()
                .unwrap()
                .strip_prefix(b"STEAD_INVOCATION=")
                .unwrap();
            assert_eq!(invocation.len(), 32);
            assert!(invocation.iter().all(u8::is_ascii_hexdigit));
            invocations.push(invocation.to_vec());
            assert_eq!(found.collect::<Vec<_>>(), [b""]);
        }
        assert_ne!(invocations[0], invocations[1]);
    })
    .await;
}

#[tokio::test]
async fn arguments_arrive_byte_for_byte() {
    in_both_modes(|stage| async move {
        let mut sleep = command("/bin/sh", &["-c", "sleep \"$1\"; :", "name", &stage.mark.0]);
        for bytes in [&b""[..], b"a b", b"\xff\xfe", b"$HOME;'\"\n"] {
            sleep.arguments.push(OsString::from_vec(bytes.to_vec()));
        }
        // More than fits into a message of a socket.
        sleep.arguments.push("x".repeat(100_000).into());
        sleep.arguments.push("y".repeat(100_000).into());
        sleep.arguments.push("z".repeat(100_000).into());
        let process = stage.spawn(sleep.clone()).await;
        let found = fs::read(format!("/proc/{}/cmdline", process.id())).unwrap();
        let mut expected = b"/bin/sh\0".to_vec();
        for argument in &sleep.arguments {
            expected.extend_from_slice(argument.as_bytes());
            expected.push(0);
        }
        assert!(found == expected);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_inherited_but_three_streams() {
    // Open across the fork of the guardian and across exec, as with a careless caller.
    let leak = fs::File::open("/dev/zero").unwrap();
    // SAFETY: clears close-on-exec on a descriptor of this test.
    unsafe { libc::fcntl(leak.as_raw_fd(), libc::F_SETFD, 0) };
    in_both_modes(|stage| async move {
        let mut shell = stage.script("echo ready; sleep @; :");
        shell.stderr = Output::Null;
        let mut process = stage.spawn(shell).await;
        // Its loader is done with the libraries, which it has open for a moment.
        first_line(&mut process).await;
        let folder = format!("/proc/{}/fd", process.id());
        let mut open: Vec<(String, String)> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let target = fs::read_link(entry.path()).unwrap();
                let kind = target
                    .to_string_lossy()
                    .split(':')
                    .next()
                    .unwrap()
                    .to_owned();
                (entry.file_name().into_string().unwrap(), kind)
            })
            .collect();
        open.sort();
        let expected = [("0", "/dev/null"), ("1", "pipe"), ("2", "/dev/null")]
            .map(|(number, kind)| (number.to_owned(), kind.to_owned()));
        assert_eq!(open, expected);
    })
    .await;
}

#[tokio::test]
async fn session_signals_mask_and_folder_are_fresh() {
    in_both_modes(|stage| async move {
        let mut sleep = command("/bin/sleep", &[&stage.mark.0]);
        sleep.directory = "/usr/bin".into();
        let process = stage.spawn(sleep).await;
        let pid = process.id();
        for (key, expected) in [
            ("SigBlk", "0000000000000000"),
            ("SigIgn", "0000000000000000"),
            ("SigPnd", "0000000000000000"),
            ("Umask", "0022"),
        ] {
            assert_eq!(status(pid, key).unwrap(), expected, "{key}");
        }
        // SAFETY: asks about a process of this test.
        let session = unsafe { libc::getsid(pid.cast_signed()) };
        assert_eq!(session, pid.cast_signed());
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        assert_eq!(folder, fs::canonicalize("/usr/bin").unwrap());
    })
    .await;
}

#[tokio::test]
async fn standard_input_is_at_its_end() {
    in_both_modes(|stage| async move {
        let mut cat = shell("cat && exit 4");
        cat.stdin = Stdin::Null;
        let process = stage.spawn(cat).await;
        assert_eq!(exit_of(&process).await, Exit::Code(4));
    })
    .await;
}

#[tokio::test]
async fn both_outputs_arrive_apart() {
    in_both_modes(|stage| async move {
        let mut both = shell("printf 'out\\377'; printf err >&2");
        both.stderr = Output::Pipe;
        let mut process = stage.spawn(both).await;
        let (mut stdout, mut stderr) = (
            process.take_stdout().unwrap(),
            process.take_stderr().unwrap(),
        );
        assert!(process.take_stdout().is_none());
        let read = tokio::task::spawn_blocking(move || {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            std::io::Read::read_to_end(&mut stdout, &mut out).unwrap();
            std::io::Read::read_to_end(&mut stderr, &mut err).unwrap();
            (out, err)
        });
        let (out, err) = crate::support::within("the output", read).await.unwrap();
        assert_eq!((&out[..], &err[..]), (&b"out\xff"[..], &b"err"[..]));
    })
    .await;
}

#[tokio::test]
async fn the_user_is_switched_wholly() {
    if !is_root() {
        eprintln!("skipped: only root can switch users");
        return;
    }
    in_both_modes(|stage| async move {
        let mut sleep = command("/bin/sleep", &[&stage.mark.0]);
        sleep.user = Some("nobody".to_owned());
        let process = stage.spawn(sleep).await;
        // SAFETY: the static record is read at once, and nothing else in this test asks for one.
        let (uid, gid) = unsafe {
            let record = libc::getpwnam(c"nobody".as_ptr());
            ((*record).pw_uid, (*record).pw_gid)
        };
        let pid = process.id();
        assert_eq!(
            status(pid, "Uid").unwrap(),
            format!("{uid} {uid} {uid} {uid}")
        );
        assert_eq!(
            status(pid, "Gid").unwrap(),
            format!("{gid} {gid} {gid} {gid}")
        );
        assert_eq!(status(pid, "Groups").unwrap(), gid.to_string());
        assert_eq!(status(pid, "CapEff").unwrap(), "0000000000000000");
        process.kill_tree();
        assert_eq!(exit_of(&process).await, Exit::Signal(9));
    })
    .await;
}

#[tokio::test]
async fn guardians_are_spared_when_memory_runs_out_and_programs_are_judged_as_stead() {
    let score = |pid: u32| -> i32 {
        let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        text.trim().parse().unwrap()
    };
    // Higher than it was, which everyone may set and go back from.
    let own = score(std::process::id()).max(0) + 321;
    fs::write("/proc/self/oom_score_adj", own.to_string()).unwrap();
    // Whoever may does it by a process that ends at once.
    let mut least = shell("echo -1000 >/proc/self/oom_score_adj");
    least.stderr = Output::Null;
    in_both_modes(|stage| {
        let least = least.clone();
        async move {
            let trial = stage.spawn(least).await;
            let lowest = if exit_of(&trial).await == Exit::Code(0) {
                -1000
            } else {
                0
            };
            let mut sleep = command("/bin/sleep", &[&stage.mark.0]);
            let process = stage.spawn(sleep.clone()).await;
            assert_eq!(score(process.id()), own);
            if is_root() {
                sleep.user = Some("nobody".to_owned());
                let switched = stage.spawn(sleep).await;
                assert_eq!(score(switched.id()), own);
            }
            let first = guardians_of(std::process::id());
            let single = first.iter().flat_map(|pid| guardians_of(*pid));
            for guardian in first.iter().copied().chain(single) {
                assert_eq!(score(guardian), lowest);
            }
        }
    })
    .await;
}
