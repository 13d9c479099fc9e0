//! What is written is what runs: judged by the arguments and variables that a program gets.

use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use stead_os::systemd::unit::{self, UnitFile};
use stead_os::systemd::{LoadState, Verb};
use stead_testkit::Machine;

use super::support::{WITHIN, install, manager, verify};

/// Writes its arguments, each ended by a NUL, and then one more NUL.
const DUMP: &str =
    "#!/bin/sh\n{ [ $# = 0 ] || printf '%s\\0' \"$@\"; printf '\\0\\0'; } >>/run/dump\n";

fn character() -> impl Strategy<Value = char> {
    let awkward: Vec<char> = "\"'\\$%;{}()=# \t\n\r\u{1}\u{1b}\u{7f}[]*?~-@+!:|&<>aNx0ué漢🦀"
        .chars()
        .collect();
    prop_oneof![
        4 => prop::sample::select(awkward),
        1 => any::<char>().prop_filter("systemd takes it", |it| {
            let code = u32::from(*it);
            code != 0 && !(0xFDD0..=0xFDEF).contains(&code) && code & 0xFFFE != 0xFFFE
        }),
    ]
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "", ";", "$HOME", "${HOME}", "$$", "%n", "%%", "\\", "-", "a ; b",
    ];
    let known: Vec<String> = known.iter().map(|&it| it.to_owned()).collect();
    prop_oneof![
        1 => prop::sample::select(known),
        4 => prop::collection::vec(character(), 0..12).prop_map(String::from_iter),
    ]
}

fn samples<T>(count: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn arguments_arrive_as_they_are() {
    let machine = Machine::boot();
    let programs = [
        "/opt/dump",
        "/opt/a b/dump",
        "/opt/$HOME/%n/dump",
        "/opt/ä;[é]/-dump*",
    ];
    for program in programs {
        machine.write_program(program, DUMP);
    }
    let command = (
        prop::sample::select(programs.to_vec()),
        prop::collection::vec(word(), 0..6),
    );
    let commands: Vec<Vec<String>> = samples(150, &command)
        .into_iter()
        .map(|(program, mut words)| {
            words.insert(0, program.to_owned());
            words
        })
        .collect();

    let mut file = UnitFile::new();
    let service = file.section("Service");
    service.set("Type", "oneshot").set("TimeoutStartSec", 120);
    for command in &commands {
        service.exec("ExecStart", "", command).unwrap();
    }
    install(&machine, "words.service", &file);
    verify(&machine, "words.service");
    let systemd = manager(&machine);
    systemd.reload().unwrap();
    systemd
        .perform(Verb::Start, "words.service", WITHIN)
        .unwrap();

    let dump = std::fs::read(machine.path("/run/dump")).unwrap();
    let mut rest = &dump[..];
    for command in &commands {
        let wanted: Vec<u8> = command[1..]
            .iter()
            .flat_map(|word| [word.as_bytes(), b"\0"].concat())
            .chain(*b"\0\0")
            .collect();
        assert!(
            rest.starts_with(&wanted),
            "{command:?}\nbecame {:?}\nby {:?}",
            String::from_utf8_lossy(&rest[..rest.len().min(2 * wanted.len())]),
            file.all("Service", "ExecStart")[commands.iter().position(|it| it == command).unwrap()]
        );
        rest = &rest[wanted.len()..];
    }
    assert_eq!(rest, b"");
    for (command, line) in commands.iter().zip(file.all("Service", "ExecStart")) {
        let read = unit::command_lines(line).unwrap();
        assert_eq!((read.len(), &read[0].command), (1, command), "{line}");
        assert!(!read[0].specifiers && !read[0].variables, "{line}");
    }
}

#[test]
fn variables_arrive_as_they_are() {
    let machine = Machine::boot();
    let printable = |it: &String| {
        !it.chars()
            .any(|it| it.is_ascii_control() && it != '\t' && it != '\n')
    };
    let values = samples(150, &word().prop_filter("no control characters", printable));
    let mut file = UnitFile::new();
    let service = file.section("Service");
    service.set("Type", "oneshot");
    for (number, value) in values.iter().enumerate() {
        service.environment(&format!("V{number}"), value).unwrap();
    }
    let command = ["/bin/sh", "-c", "env -0 > /run/variables"];
    service.exec("ExecStart", "", &command).unwrap();
    install(&machine, "variables.service", &file);
    verify(&machine, "variables.service");
    let systemd = manager(&machine);
    systemd.reload().unwrap();
    systemd
        .perform(Verb::Start, "variables.service", WITHIN)
        .unwrap();

    let text = std::fs::read_to_string(machine.path("/run/variables")).unwrap();
    let arrived: Vec<&str> = text.split('\0').collect();
    let lines = file.all("Service", "Environment");
    for (number, value) in values.iter().enumerate() {
        let wanted = format!("V{number}={value}");
        let line = lines[number];
        assert!(arrived.contains(&&*wanted), "{value:?} by {line}");
        let read = unit::environment(line).unwrap();
        assert_eq!(read, [(format!("V{number}"), value.clone())], "{line}");
    }
}

#[test]
fn paths_texts_and_lists_are_taken_as_they_are() {
    let machine = Machine::boot();
    let folder = "/srv/a \"b\" 'c' %n $d\\";
    let listed = "/srv/list \"b\" 'c' %n $d\\e";
    machine.write(&format!("{folder}/x*y [1].env"), "FROM_FILE=yes\n");
    machine.write(&format!("{folder}/xzy 1.env"), "FROM_FILE=no\n");
    machine.write(&format!("{listed}/file"), "");
    let description = "100 % of \"it\"; $HOME \\n # [x] é\\";
    let mut file = UnitFile::new();
    file.section("Unit")
        .comment("Made by a test.\nTwice \\")
        .text("Description", description)
        .units("After", ["network.target", "a\\x2db.service"])
        .unwrap();
    let environment = format!("{folder}/x*y [1].env");
    file.section("Service")
        .set("Type", "oneshot")
        .set("ProtectSystem", "strict")
        .path("WorkingDirectory", Path::new(folder))
        .unwrap()
        .pattern("EnvironmentFile", "", Path::new(&environment))
        .unwrap()
        .list("ReadWritePaths", ["/run", listed, "-/srv/not there"])
        .unwrap()
        .exec(
            "ExecStart",
            "",
            &[
                "/bin/sh",
                "-c",
                "pwd >/run/pwd; echo $FROM_FILE >/run/from; >\"$0/written\"",
                listed,
            ],
        )
        .unwrap();
    install(&machine, "paths.service", &file);
    verify(&machine, "paths.service");
    let systemd = manager(&machine);
    systemd.reload().unwrap();
    let done = systemd.perform(Verb::Start, "paths.service", WITHIN);
    done.unwrap_or_else(|error| panic!("{error}\n{}", machine.journal("paths.service")));

    let read = |place: &str| std::fs::read_to_string(machine.path(place)).unwrap();
    assert_eq!(read("/run/pwd"), format!("{folder}\n"));
    assert_eq!(read("/run/from"), "yes\n");
    assert!(machine.path(format!("{listed}/written")).exists());
    let status = systemd.status("paths.service").unwrap();
    assert_eq!(status.description, description);
    assert_eq!(status.load, LoadState::Loaded);
    let relations = systemd.relations("paths.service").unwrap();
    assert!(
        relations.after.contains(&"a\\x2db.service".to_owned()),
        "{relations:?}"
    );

    // What is on the disk reads back as what was written.
    let text = machine.ok(&["cat", "/etc/systemd/system/paths.service"]);
    let back = UnitFile::parse(&text).unwrap();
    let settings = |file: &UnitFile| -> Vec<(String, String)> {
        let sections = file.sections().iter();
        let pairs = sections.flat_map(unit::Section::settings);
        pairs.map(|it| (it.0.to_owned(), it.1.to_owned())).collect()
    };
    assert_eq!(settings(&back), settings(&file));
    assert_eq!(UnitFile::parse(&back.to_string()).unwrap(), back);
    let words = unit::words(back.get("Service", "ReadWritePaths").unwrap()).unwrap();
    assert_eq!(words, ["/run", listed, "-/srv/not there"]);
}
