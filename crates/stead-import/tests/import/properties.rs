//! Whatever is imported parses to the same definition again, and no file makes the reader fall.

use std::path::Path;

use proptest::prelude::*;
use stead_import::import;
use stead_model::Definition;

fn round_trips(text: &str, name: &str) {
    if let Ok(imported) = import(text.as_bytes(), name) {
        let parsed = Definition::parse(&imported.toml, Path::new("stead.toml"));
        assert_eq!(
            parsed.as_ref(),
            Ok(&imported.definition),
            "{}",
            imported.toml
        );
    }
}

/// Text with all that quoting, comments and TOML could stumble over.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z \"'\\\\%$#=;\\[\\]{},.äß\u{1f600}-]{0,20}",
        "[ -~]{0,30}",
        Just("'''\"\"\"".to_owned()),
        Just("a\u{1}b\u{7f}\u{85}".to_owned()),
    ]
}

fn xml(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .map(|c| match c {
            '<' => "&lt;".to_owned(),
            '&' => "&amp;".to_owned(),
            '"' => "&quot;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn reg(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

proptest! {
    #[test]
    fn winsw(id in odd(), description in odd(), program in odd(), arguments in odd(), name in odd(), value in odd(), sec in 0_u32..100_000) {
        let [id, description, program, arguments, name, value] =
            [id, description, program, arguments, name, value].map(|it| xml(&it));
        round_trips(
            &format!(
                "<service><id>{id}</id><name>{name}</name><description>{description}</description><executable>{program}</executable><arguments>{arguments}</arguments><env name=\"N{name}\" value=\"{value}\"/><stoptimeout>{sec} sec</stoptimeout><onfailure action=\"restart\" delay=\"{sec} min\"/><oddity>{value}</oddity></service>"
            ),
            "x.xml",
        );
    }

    #[test]
    fn nssm(id in "[a-zA-Z $().-]{1,70}", program in odd(), arguments in odd(), directory in odd(), code in any::<u32>(), number in any::<u32>()) {
        let [program, arguments, directory] = [program, arguments, directory].map(|it| reg(&it));
        let key = format!(r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\{id}");
        round_trips(
            &format!(
                "REGEDIT4\n[{key}]\n\"Description\"=\"{directory}\"\n[{key}\\Parameters]\n\"Application\"=\"{program}\"\n\"AppParameters\"=\"{arguments}\"\n\"AppDirectory\"=\"{directory}\"\n\"AppRestartDelay\"=dword:{number:08x}\n\"AppRotateBytes\"=dword:{number:08x}\n\"AppStopMethodConsole\"=dword:{number:08x}\n[{key}\\Parameters\\AppExit]\n\"{code}\"=\"Exit\"\n"
            ),
            "x.reg",
        );
    }

    #[test]
    fn systemd(description in odd(), command in odd(), variable in odd(), property in odd(), name in "[a-z@%\\\\.-]{1,20}", number in any::<u64>(), key in "[A-Za-z]{1,20}") {
        round_trips(
            &format!(
                "[Unit]\nDescription={description}\nStartLimitIntervalSec={number}\n[Service]\nExecStart=/bin/x {command}\nEnvironment={variable}\nRestartSec={number}ms\nMemoryMax={number}\nLimitNOFILE={number}\n{key}={property}\n[Install]\nWantedBy={property}\n"
            ),
            &format!("{name}.service"),
        );
    }

    #[test]
    fn any_text_of_each_format(text in "[\\x00-\\x7f\u{e4}]{0,200}", lines in prop::collection::vec(odd(), 0..12)) {
        for name in ["x.xml", "x.reg", "x.service"] {
            for start in ["", "<service>", "REGEDIT4\n[a\\services\\x\\Parameters]\n\"Application\"=\"x\"\n", "[Service]\nExecStart=/bin/x\n"] {
                round_trips(&format!("{start}{text}"), name);
                round_trips(&format!("{start}{}", lines.join("\n")), name);
            }
        }
    }
}
