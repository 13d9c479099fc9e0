//! Starting programs on Windows: what they are given, and the ways it can fail.
#![cfg(windows)]

mod windows;

use std::ffi::OsString;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::AsRawHandle as _;

use stead_os::process::{Exit, Output, SpawnError};
use windows::{Fixture, all, probe, soon, stdout};
use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};

#[tokio::test]
async fn exit_codes_keep_their_32_bits() {
    let fixture = Fixture::new();
    for code in [0, 1, 255, 256, 70_000, 0xC000_013A_u32] {
        let process = fixture.spawn(&["exit", &code.to_string()]).await;
        let exit = soon("the exit", process.exit()).await;
        assert_eq!(exit, Exit::Code(code.cast_signed()));
        soon("the empty tree", process.empty()).await;
    }
}

#[tokio::test]
async fn output_arrives_byte_for_byte() {
    let fixture = Fixture::new();
    let mut command = probe(&["bytes"]);
    command.stderr = Output::Pipe;
    let mut process = fixture.launcher.spawn(command).await.unwrap();
    let out = all(process.take_stdout().unwrap()).await;
    let err = all(process.take_stderr().unwrap()).await;
    assert_eq!(out, (0..=u8::MAX).collect::<Vec<_>>());
    assert_eq!(err, (0..=u8::MAX).rev().collect::<Vec<_>>());
    assert!(process.take_stdout().is_none());
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(0));
}

#[tokio::test]
async fn standard_input_is_at_its_end() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["read"]).await;
    let out = all(process.take_stdout().unwrap()).await;
    assert_eq!(out, b"0 bytes\n");
}

#[tokio::test]
async fn arguments_arrive_as_given() {
    let fixture = Fixture::new();
    let mut arguments: Vec<OsString> = [
        "",
        " ",
        "a b",
        r"C:\dir\",
        r"C:\a dir\\",
        r#"say "hi""#,
        r#"\\""#,
        "%PATH%",
        "日本語",
        "🦀",
    ]
    .iter()
    .map(Into::into)
    .collect();
    arguments.push(OsString::from_wide(&[0xD800, u16::from(b'x')]));
    let mut command = probe(&["arguments"]);
    command.arguments.extend(arguments.iter().cloned());
    let mut process = fixture.launcher.spawn(command).await.unwrap();
    let out = all(process.take_stdout().unwrap()).await;
    let units: Vec<Vec<u16>> = arguments
        .iter()
        .map(|it| it.encode_wide().collect())
        .collect();
    assert_eq!(
        String::from_utf8(out).unwrap().trim_end(),
        format!("{units:?}")
    );
}

#[tokio::test]
async fn the_environment_is_what_the_command_says() {
    // A variable of ours that must not be there. Wine gives each process some of its own.
    assert!(std::env::var_os("USERNAME").is_some());
    let fixture = Fixture::new();
    let mut command = probe(&["environment"]);
    command.environment = vec![
        ("ZEBRA".into(), "last".into()),
        ("alpha".into(), "ä = ö; 日本語".into()),
        ("Empty".into(), "".into()),
    ];
    let mut process = fixture.launcher.spawn(command.clone()).await.unwrap();
    let out = String::from_utf8(all(process.take_stdout().unwrap()).await).unwrap();
    let lines: Vec<_> = out.lines().collect();
    for expected in ["ZEBRA=last", "alpha=ä = ö; 日本語", "Empty="] {
        assert!(lines.contains(&expected), "{expected} in {lines:#?}");
    }
    assert!(
        lines.iter().all(|line| !line.starts_with("USERNAME=")),
        "{lines:#?}"
    );

    let invocation = |out: &str| {
        let line = out
            .lines()
            .find_map(|line| line.strip_prefix("STEAD_INVOCATION="));
        line.unwrap().to_owned()
    };
    let mut again = fixture.launcher.spawn(command).await.unwrap();
    let out_again = String::from_utf8(all(again.take_stdout().unwrap()).await).unwrap();
    assert_ne!(invocation(&out), invocation(&out_again));
}

#[tokio::test]
async fn the_program_runs_in_its_folder() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().canonicalize().unwrap();
    assert!(folder.to_str().unwrap().starts_with(r"\\?\"), "{folder:?}");
    let mut command = probe(&["directory"]);
    command.directory.clone_from(&folder);
    let mut process = fixture.launcher.spawn(command).await.unwrap();
    let out = String::from_utf8(all(process.take_stdout().unwrap()).await).unwrap();
    assert_eq!(
        out.trim_end(),
        folder.to_str().unwrap().trim_start_matches(r"\\?\")
    );
}

#[tokio::test]
async fn exe_may_be_left_out() {
    let fixture = Fixture::new();
    let mut command = probe(&["exit", "3"]);
    command.program.set_extension("");
    let process = fixture.launcher.spawn(command).await.unwrap();
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(3));
}

#[tokio::test]
async fn no_other_handle_is_inherited() {
    let fixture = Fixture::new();
    let file = std::fs::File::create(fixture.folder.path().join("open")).unwrap();
    let handle = file.as_raw_handle();
    // SAFETY: the handle is open.
    let set = unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(set, 0);
    // Numbers are given out from the low end, so a high one is free in a fresh process.
    let mut high = Vec::new();
    while high.len() < 400 {
        high.push(file.try_clone().unwrap());
    }
    let last = high.last().unwrap().as_raw_handle();
    // SAFETY: the handle is open.
    let set = unsafe { SetHandleInformation(last, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(set, 0);

    let number = last.addr().to_string();
    let mut process = fixture.spawn(&["handle", &number]).await;
    assert_eq!(all(process.take_stdout().unwrap()).await, b"false\n");
    // The same question of a process that inherits everything, to show that it can be true.
    let out = std::process::Command::new(windows::probe_program())
        .args(["handle", &number])
        .output()
        .unwrap();
    assert_eq!(out.stdout, b"true\n");
}

#[tokio::test]
async fn failures_say_what_failed() {
    let fixture = Fixture::new();
    let refused = async |change: &dyn Fn(&mut stead_os::process::Command)| {
        let mut command = probe(&["exit", "0"]);
        change(&mut command);
        match fixture.launcher.spawn(command).await {
            Ok(process) => panic!("started {}", process.id()),
            Err(error) => error,
        }
    };
    let folder = fixture.folder.path();
    let text = folder.join("text.exe");
    std::fs::write(
        &text,
        "this is no program, but it is long enough to be looked at",
    )
    .unwrap();
    let script = folder.join("script.bat");
    std::fs::write(&script, "@exit 0\r\n").unwrap();

    let error = refused(&|command| command.program = folder.join("missing")).await;
    assert!(matches!(&error, SpawnError::NoExecutable(path) if path.ends_with("missing")));
    let error = refused(&|command| command.program = folder.to_owned()).await;
    assert!(matches!(&error, SpawnError::NotExecutable { program, .. } if program == folder));
    let error = refused(&|command| command.program.clone_from(&text)).await;
    assert!(
        matches!(&error, SpawnError::Os { action, .. } if action.contains("no executable")),
        "{error:?}"
    );
    for missing in [folder.join("missing"), text.clone()] {
        let error = refused(&|command| command.directory.clone_from(&missing)).await;
        assert!(
            matches!(&error, SpawnError::Directory { directory, .. } if *directory == missing),
            "{error:?}"
        );
    }
    let error = refused(&|command| command.user = Some("somebody".to_owned())).await;
    assert!(
        matches!(&error, SpawnError::SwitchUser { user, reason } if user == "somebody" && reason.contains("password")),
        "{error:?}"
    );
    let error = refused(&|command| {
        command.program.clone_from(&script);
        command.arguments = vec!["\"&calc".into()];
    })
    .await;
    assert!(matches!(&error, SpawnError::Os { action, .. } if action.contains("arguments")));
    let error = refused(&|command| command.environment = vec![("a=b".into(), "".into())]).await;
    assert!(matches!(&error, SpawnError::Os { action, .. } if action.contains("environment")));
}

#[tokio::test]
async fn a_batch_file_runs_in_its_interpreter() {
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("with space");
    std::fs::create_dir(&folder).unwrap();
    let script = folder.join("script.cmd");
    std::fs::write(&script, "@echo %1 %2\r\n@exit 5\r\n").unwrap();
    let mut command = probe(&["one", "and two"]);
    command.program = script;
    let mut process = fixture.launcher.spawn(command).await.unwrap();
    let out = stdout(&mut process);
    assert_eq!(windows::line(&out).await, r#"one "and two""#);
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(5));
}
