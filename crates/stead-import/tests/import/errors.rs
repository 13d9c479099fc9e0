//! Files that cannot be imported say where and why, and there is a way out.

use stead_import::{ImportError, import};

#[track_caller]
fn refused(text: &str, name: &str, expected: &str) {
    let error = import(text.as_bytes(), name).expect_err(text);
    let shown = match &error {
        ImportError::Command { source, .. } => format!("{error}: {source}"),
        ImportError::Definition(source) => format!("{error}: {source}"),
        other => other.to_string(),
    };
    assert!(shown.contains(expected), "{shown}\n{text}");
    assert!(error.hint().is_some());
}

#[test]
fn winsw() {
    for (text, expected) in [
        ("<service>\n<id>x</service>", "line 2: this is not XML"),
        ("<project/>", "begins with <project>"),
        (
            "<service><executable>x</executable></service>",
            "has no <id>",
        ),
        ("<service><id>x</id></service>", "has no <executable>"),
        (
            "<service><id>!</id><executable>x</executable></service>",
            "no ASCII letter or digit",
        ),
        (
            "<service><id>x</id><executable>x</executable>\n<stoptimeout>soon</stoptimeout></service>",
            "line 2: <stoptimeout> is \"soon\"",
        ),
        (
            "<service><id>x</id><executable>x</executable>\n\n<onfailure action=\"dance\"/></service>",
            "line 3: <onfailure> has the action \"dance\"",
        ),
        (
            "<service><id>x</id><executable>x</executable><log>\n<keepFiles>many</keepFiles></log></service>",
            "line 2: <keepFiles> is \"many\"",
        ),
        (
            "<service><id>x</id><executable>x</executable>\n<prestart/></service>",
            "line 2: <prestart> has no <executable>",
        ),
        (
            "<service><id>x</id><executable>x</executable><env name=\"\" value=\"1\"/></service>",
            "empty name",
        ),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><service><id>&b;</id></service>",
            "this is not XML",
        ),
    ] {
        refused(text, "x.xml", expected);
    }
}

#[test]
fn nssm() {
    const TOP: &str = "Windows Registry Editor Version 5.00\n";
    const KEY: &str = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\x\Parameters]";
    for (text, expected) in [
        (
            format!("{TOP}[HKEY_LOCAL_MACHINE\\a]\n"),
            "no service with NSSM's Parameters",
        ),
        (
            format!("{TOP}{KEY}\n\"AppDirectory\"=\"x\"\n"),
            "no Application for the service x",
        ),
        (
            format!("{TOP}{KEY}\n\"Application\"=\"x\n"),
            "line 3: a text has no closing quote",
        ),
        (format!("{TOP}{KEY}\nhello\n"), "line 3: this is no value"),
    ] {
        refused(&text, "x.reg", expected);
    }
}

#[test]
fn systemd() {
    for (text, expected) in [
        ("[Service]\nType=simple\n", "has no ExecStart="),
        (
            "[Service]\nExecStart=/bin/x \"y\n",
            "line 2: a \" is never closed",
        ),
        (
            "[Service]\nExecStart=/bin/x\nRestartSec=soon\n",
            "line 3: RestartSec=soon is not",
        ),
        (
            "[Service]\nExecStart=/bin/x\nRestart=perhaps\n",
            "line 3: Restart=perhaps is not",
        ),
        (
            "[Service]\nExecStart=/bin/x\nType=odd\n",
            "line 3: Type=odd is not",
        ),
        (
            "[Service]\nExecStart=-\n",
            "line 2: the command cannot be run: the command is empty",
        ),
        ("[Service]\nhello\n", "line 2: \"hello\" is not Key=Value"),
    ] {
        refused(text, "x.service", expected);
    }
    refused(
        "[Service]\nExecStart=/bin/x\n",
        "@.service",
        "no ASCII letter or digit",
    );
}

#[test]
fn what_is_none_of_them() {
    for text in ["", "hello", "[package]\nname = \"x\"", "{}"] {
        refused(text, "x.toml", "neither an XML of WinSW nor");
    }
    assert!(matches!(
        import(b"\xff\xfe\x00", "x.reg"),
        Err(ImportError::Encoding)
    ));
}
