use std::path::Path;

use proptest::prelude::*;

use super::*;

fn command(key: &str, words: &[&str]) -> Result<String, UnitError> {
    let mut file = UnitFile::new();
    file.section("Service").exec(key, "", words)?;
    Ok(file.get("Service", key).unwrap().to_owned())
}

#[test]
fn words_are_quoted_only_where_they_must_be() {
    for (words, line) in [
        (
            &["/bin/a", "--port=7001", "x,y:z@1"][..],
            "/bin/a --port=7001 x,y:z@1",
        ),
        (&["/bin/a b", "c d", ""], r#""/bin/a b" "c d" """#),
        (&["/a", ";", "50%", "$HOME"], r#"/a ";" 50%% $$HOME"#),
        (
            &["/a", "\"q\"\\", "\n\t\u{1}é"],
            r#"/a "\"q\"\\" "\n\t\x01é""#,
        ),
        (&["/opt/$x", "$y"], ":/opt/$x $y"),
    ] {
        assert_eq!(command("ExecStart", words).unwrap(), line);
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    for program in ["a", "./a", "/a\"b", "/a\\b", "/a\nb", "/a/../b", "/a/", ""] {
        let error = command("ExecStart", &[program]).unwrap_err();
        let program = program.to_owned();
        assert_eq!(error, UnitError::Program { program });
    }
    assert!(matches!(
        command("ExecStart", &[]),
        Err(UnitError::Empty { .. })
    ));
    for argument in ["\0", "\u{fdd0}", "\u{1ffff}"] {
        let error = command("ExecStart", &["/a", argument]).unwrap_err();
        assert!(matches!(error, UnitError::Character { .. }), "{argument:?}");
    }
    let mut file = UnitFile::new();
    let section = file.section("Service");
    for name in ["", "1A", "A-B", "A B", "É"] {
        assert!(section.environment(name, "x").is_err(), "{name:?}");
    }
    let secret = section.environment("A", "secret\u{1}").unwrap_err();
    assert!(!format!("{secret} {secret:?}").contains("secret"));
    for path in ["a", "/a\n", "/a ", "/a\u{7f}b"] {
        assert!(
            section.path("WorkingDirectory", Path::new(path)).is_err(),
            "{path:?}"
        );
    }
    assert!(section.list("ReadWritePaths", ["/a\nb"]).is_err());
    assert!(section.units("After", ["a b.service"]).is_err());
    let long = "x".repeat(MAX_LINE);
    assert!(matches!(
        section.environment("A", &long),
        Err(UnitError::TooLong { .. })
    ));
    assert_eq!(file.to_string(), "[Service]\n");
}

#[test]
fn files_are_read_as_systemd_reads_them() {
    let text = "; before\n\n[Unit]\nDescription = Two \\\n# not this\n  lines  \nAfter=a\n\
                [Service]\nExecStart=/bin/a \\\\\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\n\
                Environment=C=3\n[Unit]\nAfter=b\n[X-Own]\nFree=yes\\";
    let file = UnitFile::parse(text).unwrap();
    assert_eq!(file.get("Unit", "Description"), Some("Two  lines"));
    assert_eq!(file.all("Unit", "After"), ["a", "b"]);
    assert_eq!(file.get("Service", "ExecStart"), Some("/bin/a \\\\"));
    assert_eq!(file.all("Service", "Environment"), ["B=2", "C=3"]);
    assert_eq!(file.get("X-Own", "Free"), Some("yes"));
    assert_eq!(file.get("Service", "Type"), None);
    assert_eq!(UnitFile::parse(&file.to_string()).unwrap(), file);

    for (text, error) in [
        ("[Unit\nA=1", "line 1: \"[Unit\" does not end with ]"),
        ("A=1", "line 1: A stands in no section"),
        ("[Unit]\nA=1\nfree", "line 3: \"free\" is no assignment"),
    ] {
        assert_eq!(UnitFile::parse(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn commands_are_read_with_what_is_special_in_them() {
    let lines = command_lines(r#"-@/bin/a b 'c "d' "e\x41\101\u00e9"f ; +/bin/k -HUP $MAINPID %i"#);
    let lines = lines.unwrap();
    assert_eq!(lines[0].prefixes, "-@");
    assert_eq!(lines[0].command, ["/bin/a", "b", "c \"d", "eAAéf"]);
    assert!(!lines[0].variables && !lines[0].specifiers);
    assert_eq!(lines[1].prefixes, "+");
    assert_eq!(lines[1].command, ["/bin/k", "-HUP", "$MAINPID", "%i"]);
    assert!(lines[1].variables && lines[1].specifiers);
    assert_eq!(command_lines("").unwrap(), []);
    assert_eq!(command_lines(":/a $$x").unwrap()[0].command, ["/a", "$$x"]);
    for bad in [
        "/a \"b", "/a \\q", "/a \\x0", "/a \\x00", "/a \\", "/a \\xff",
    ] {
        assert!(command_lines(bad).is_err(), "{bad}");
    }
    assert_eq!(
        environment("A=1 'B=2 3' nothing \"C=%%\"").unwrap(),
        [("A", "1"), ("B", "2 3"), ("C", "%")].map(|it| (it.0.to_owned(), it.1.to_owned()))
    );
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "[ -~é\n\\\\\"'=;#\\[\\]]{0,60}") {
        if let Ok(file) = UnitFile::parse(&text) {
            prop_assert_eq!(&UnitFile::parse(&file.to_string()).unwrap(), &file);
        }
        let _ = (command_lines(&text), words(&text), environment(&text));
    }

    #[test]
    fn what_is_written_is_read(words in prop::collection::vec("[^\0\u{fdd0}-\u{fdef}\u{fffe}\u{ffff}]{0,8}", 0..5)) {
        let speakable = |word: &String| !word.chars().any(quote::is_unspeakable);
        prop_assume!(words.iter().all(speakable));
        let mut command = vec!["/bin/a b".to_owned()];
        command.extend(words);
        let mut file = UnitFile::new();
        file.section("Service").exec("ExecStart", "-", &command).unwrap();
        let file = UnitFile::parse(&file.to_string()).unwrap();
        let read = command_lines(file.get("Service", "ExecStart").unwrap()).unwrap();
        prop_assert_eq!(&read[0].command, &command);
        prop_assert_eq!(&*read[0].prefixes, "-");
    }
}
