//! What cannot be started is refused with the reason, and leaves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stead_os::process::{Command, SpawnError};

use crate::support::{Stage, cgroups_of, command, in_both_modes, is_root, shell, until, within};

async fn refused(stage: &Stage, command: Command) -> SpawnError {
    match within("the refusal", stage.launcher.spawn(command)).await {
        Ok(process) => panic!("started as {}", process.id()),
        Err(error) => error,
    }
}

fn file(stage: &Stage, name: &str, content: &str, mode: u32) -> String {
    let path = stage.runs.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_reason_is_told_apart() {
    in_both_modes(|stage| async move {
        let error = refused(&stage, command("/no/such/program", &[])).await;
        assert!(matches!(error, SpawnError::NoExecutable(_)), "{error:?}");

        let plain = file(&stage, "plain", "text", 0o644);
        let error = refused(&stage, command(&plain, &[])).await;
        assert!(
            matches!(error, SpawnError::NotExecutable { .. }),
            "{error:?}"
        );

        let orphan = file(&stage, "orphan", "#!/no/such/interpreter\n", 0o755);
        let error = refused(&stage, command(&orphan, &[])).await;
        assert_eq!(
            error.to_string(),
            "cannot find the interpreter of the executable"
        );

        let garbage = file(&stage, "garbage", "\x7f\x01\x02", 0o755);
        let error = refused(&stage, command(&garbage, &[])).await;
        assert_eq!(error.to_string(), "cannot execute the program");

        let mut lost = shell("exit 0");
        lost.directory = "/no/such/folder".into();
        let error = refused(&stage, lost).await;
        assert_eq!(error.to_string(), "cannot enter the folder /no/such/folder");

        let mut stranger = shell("exit 0");
        stranger.user = Some("no-such-user".to_owned());
        let error = refused(&stage, stranger).await;
        assert_eq!(error.to_string(), "no user no-such-user");

        let torn = command("/bin/echo", &["a\0b"]);
        let error = refused(&stage, torn).await;
        assert!(matches!(error, SpawnError::Os { .. }), "{error:?}");

        let mut torn = command("/bin/echo", &[]);
        torn.environment.push(("A".into(), "a\0b".into()));
        let error = refused(&stage, torn).await;
        assert!(matches!(error, SpawnError::Os { .. }), "{error:?}");

        // Only the launcher's own cgroup is left.
        until("the cgroups to go", || {
            cgroups_of(std::process::id()).iter().all(|path| {
                !fs::read_dir(path)
                    .unwrap()
                    .flatten()
                    .any(|entry| entry.path().is_dir())
            })
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_another_user_may_not_do_is_told() {
    if !is_root() {
        eprintln!("only the refusal of the switch is tried: this is not root");
        in_both_modes(|stage| async move {
            let mut switched = shell("exit 0");
            switched.user = Some("root".to_owned());
            let error = refused(&stage, switched).await;
            assert!(matches!(error, SpawnError::SwitchUser { .. }), "{error:?}");
        })
        .await;
        return;
    }
    in_both_modes(|stage| async move {
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut outside = shell("exit 0");
        outside.user = Some("nobody".to_owned());
        outside.directory = closed.path().to_owned();
        let error = refused(&stage, outside).await;
        assert!(matches!(error, SpawnError::Directory { .. }), "{error:?}");

        let open = tempfile::tempdir().unwrap();
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = open.path().join("program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut refused_program = command(program.to_str().unwrap(), &[]);
        refused_program.user = Some("nobody".to_owned());
        let error = refused(&stage, refused_program).await;
        assert!(
            error.to_string().ends_with("is not executable for nobody"),
            "{error}"
        );
    })
    .await;
}
