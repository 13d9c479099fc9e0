//! Limits are in force or reported, never dropped.

use stead_os::process::Limits;

use crate::support::{command, empty, exit_of, in_both_modes, shell};

#[tokio::test]
async fn open_files_are_limited() {
    in_both_modes(|stage| async move {
        let mut limited = command("/bin/sleep", &[&stage.mark.0]);
        limited.limits.open_files = Some(64);
        let process = stage.spawn(limited).await;
        assert_eq!(process.not_enforced(), []);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[3..5], ["64", "64"]);
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_in_its_cgroup_or_reported() {
    in_both_modes(|stage| async move {
        let mut limited = shell("read line < /proc/self/cgroup; exit 0");
        limited.limits = Limits {
            memory: Some(64 << 20),
            cpu: Some(0.5),
            tasks: Some(32),
            open_files: None,
        };
        limited.program = "/bin/sleep".into();
        limited.arguments = vec![stage.mark.0.clone().into()];
        let process = stage.spawn(limited).await;
        let reported: Vec<&str> = process.not_enforced().iter().map(|it| it.limit).collect();
        assert!(
            process
                .not_enforced()
                .iter()
                .all(|it| !it.reason.is_empty())
        );
        let own = std::fs::read_to_string(format!("/proc/{}/cgroup", process.id())).unwrap();
        let path = own
            .lines()
            .find_map(|line| line.strip_prefix("0::"))
            .unwrap()
            .to_owned();
        for (limit, file, expected) in [
            ("memory", "memory.max", "67108864"),
            ("cpu", "cpu.max", "50000 100000"),
            ("tasks", "pids.max", "32"),
        ] {
            let found = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
                .iter()
                .find_map(|mount| std::fs::read_to_string(format!("{mount}{path}/{file}")).ok());
            let in_force = found.is_some_and(|found| found.trim() == expected);
            assert!(
                in_force != reported.contains(&limit),
                "{limit}: {reported:?}"
            );
        }
        process.kill_tree();
        exit_of(&process).await;
        empty(&process).await;
    })
    .await;
}
