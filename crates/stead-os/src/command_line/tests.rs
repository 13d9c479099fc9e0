use proptest::prelude::*;

use super::*;

fn text(units: &[u16]) -> String {
    String::from_utf16_lossy(units)
}

fn round_trip(program: &[u16], arguments: &[Vec<u16>]) {
    let line = join_units(program, arguments.iter().cloned()).unwrap();
    let mut expected = vec![program.to_vec()];
    expected.extend(arguments.iter().cloned());
    assert_eq!(part_units(&line), expected, "{}", text(&line));
    #[cfg(windows)]
    assert_eq!(windows::parted(&line), expected, "{}", text(&line));
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

#[test]
fn troublesome_arguments_survive() {
    for argument in [
        "",
        " ",
        r"\",
        r"\\",
        r#"""#,
        r#"\""#,
        r#"\\""#,
        r"a\ b\",
        r"C:\a b\\",
        "tab\there",
        "line\nbreak",
        "%PATH%",
        "& calc",
        "^",
        "日本語 🦀",
        r#"{"a": "b\\"}"#,
    ] {
        for program in [r"C:\Program Files\x y\z.exe", r"C:\tools\", "x"] {
            round_trip(&units(program), &[units(argument)]);
            let three = [units("before"), units(argument), units("after")];
            round_trip(&units(program), &three);
        }
    }
}

#[test]
fn a_program_is_quoted_whatever_its_path() {
    assert_eq!(join(&[r"C:\x.exe"]).unwrap(), r#""C:\x.exe""#);
    assert_eq!(
        join(&[r"C:\Program Files\x.exe", "run", "a b"]).unwrap(),
        r#""C:\Program Files\x.exe" run "a b""#
    );
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    assert_eq!(join::<&str>(&[]), Err(JoinError::Empty));
    assert_eq!(join(&["", "x"]), Err(JoinError::Empty));
    assert_eq!(join(&["a\"b"]), Err(JoinError::QuoteInProgram));
    assert_eq!(join(&["a\0"]), Err(JoinError::NulInProgram));
    assert_eq!(join(&["a", "b\0c"]), Err(JoinError::NulInArgument));
}

#[test]
fn lines_that_others_wrote_are_parted_as_windows_does() {
    for (line, expected) in [
        ("", &[] as &[&str]),
        (r"C:\x.exe", &[r"C:\x.exe"]),
        (r"C:\x.exe -k  netsvcs ", &[r"C:\x.exe", "-k", "netsvcs"]),
        (r#""C:\a b\x.exe"-k"#, &[r"C:\a b\x.exe", "-k"]),
        (r#""C:\a b\x.exe"#, &[r"C:\a b\x.exe"]),
        (r#"x "a""b" c"#, &["x", r#"a"b c"#]),
        (r#"x "a"""b c"#, &["x", r#"a"b c"#]),
        (r#"x a\\"b c""#, &["x", r"a\b c"]),
        (r#"x a\\\"b c"#, &["x", r#"a\"b"#, "c"]),
        (" x", &["", "x"]),
    ] {
        assert_eq!(part(line), expected, "{line}");
        #[cfg(windows)]
        if !line.is_empty() {
            let parted = windows::parted(&units(line));
            let parted: Vec<_> = parted.iter().map(|it| text(it)).collect();
            assert_eq!(parted, expected, "{line}");
        }
    }
}

fn troublesome(most: usize) -> impl Strategy<Value = Vec<u16>> {
    let unit = prop_oneof![
        Just(QUOTE),
        Just(BACKSLASH),
        Just(SPACE),
        Just(TAB),
        1..=u16::MAX,
    ];
    prop::collection::vec(unit, 0..most)
}

fn a_program() -> impl Strategy<Value = Vec<u16>> {
    troublesome(12).prop_filter_map("a path", |it| {
        let path: Vec<u16> = it.into_iter().filter(|unit| *unit != QUOTE).collect();
        (!path.is_empty()).then_some(path)
    })
}

proptest! {
    #[test]
    fn any_command_survives(
        program in a_program(),
        arguments in prop::collection::vec(troublesome(12), 0..6),
    ) {
        round_trip(&program, &arguments);
    }

    #[test]
    fn any_line_is_parted(line in troublesome(24)) {
        let parted = part_units(&line);
        prop_assert_eq!(parted.is_empty(), line.is_empty());
        #[cfg(windows)]
        if !line.is_empty() {
            prop_assert_eq!(&windows::parted(&line), &parted, "{}", text(&line));
        }
    }
}

#[cfg(windows)]
mod windows {
    use windows_sys::Win32::Foundation::LocalFree;
    use windows_sys::Win32::UI::Shell::CommandLineToArgvW;

    use crate::wide;

    /// Parts a command line with the system's own function.
    pub(super) fn parted(line: &[u16]) -> Vec<Vec<u16>> {
        let line: Vec<u16> = line.iter().copied().chain([0]).collect();
        let mut count = 0;
        // SAFETY: the line ends in NUL; the list the call makes has `count` strings that end in
        // NUL, and is freed as documented.
        unsafe {
            let list = CommandLineToArgvW(line.as_ptr(), &raw mut count);
            assert!(!list.is_null());
            let arguments = (0..usize::try_from(count).unwrap())
                .map(|index| wide::at(*list.add(index)).to_vec())
                .collect();
            LocalFree(list.cast());
            arguments
        }
    }
}
