use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn an_environment_is_sorted_and_has_each_name_once(
        variables in prop::collection::vec(("[a-zA-Z_]{1,3}", "[ -~]{0,6}"), 0..20)
    ) {
        let given: Vec<_> = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let block = String::from_utf16(&environment(&given).unwrap()).unwrap();
        let body = block.strip_suffix("\0\0").unwrap();
        let entries: Vec<_> = body.split('\0').map(|it| it.split_once('=').unwrap()).collect();
        let names: Vec<_> = entries.iter().map(|(name, _)| name.to_uppercase()).collect();
        prop_assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        for (name, value) in entries {
            let last = variables.iter().rev().find(|it| it.0.eq_ignore_ascii_case(name));
            let expected = last.map_or_else(
                || std::env::var(name).unwrap(),
                |(_, value)| value.clone(),
            );
            prop_assert_eq!(value, expected);
        }
    }
}

#[test]
fn an_environment_always_has_the_system_root() {
    let block = String::from_utf16(&environment(&[]).unwrap()).unwrap();
    assert!(
        block.to_uppercase().starts_with("SYSTEMROOT=C:\\"),
        "{block:?}"
    );
    let given = [("systemroot".into(), "D:\\w".into())];
    let block = String::from_utf16(&environment(&given).unwrap()).unwrap();
    assert_eq!(block, "systemroot=D:\\w\0\0");
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let program = Path::new(r"C:\x.exe");
    assert!(start(program, &["a\0b".into()]).is_err());
    for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "x\0")] {
        assert!(
            environment(&[(name.into(), value.into())]).is_err(),
            "{name:?}"
        );
    }
    assert!(environment(&[("=C:".into(), r"C:\w".into())]).is_ok());
}

#[test]
fn a_batch_file_gets_plain_text_only() {
    let script = Path::new(r"C:\Program Files\run.CMD");
    let started = start(script, &["--port=7".into(), "a b\\".into(), "".into()]);
    // `=` parts arguments in a batch file.
    assert!(started.is_err());
    let started = start(script, &["--port".into(), "a b\\".into(), "".into()]).unwrap();
    assert!(started.application.ends_with("cmd.exe"), "{started:?}");
    assert_eq!(
        String::from_utf16(&started.line).unwrap(),
        "cmd.exe /e:ON /v:OFF /d /c \"\"C:\\Program Files\\run.CMD\" --port \"a b\\\\\" \"\"\"\0",
    );
    for argument in [
        "\"&calc.exe",
        "%PATH%",
        "!x!",
        "a|b",
        "a>b",
        "^",
        "(",
        "a\nb",
        "a,b",
        "a;b",
    ] {
        let refused = start(script, &[argument.into()]).unwrap_err();
        assert!(refused.to_string().contains("batch file"), "{refused}");
    }
    assert!(start(Path::new(r"C:\100%\run.bat"), &[]).is_err());
}
