//! What is said about what is wrong in a definition file, word for word.

#![allow(
    clippy::format_collect,
    reason = "a text of a few lines, once in a test"
)]

use std::path::Path;

use stead_model::Definition;

fn errors(text: &str) -> String {
    match Definition::parse(text, Path::new("shop/stead.toml")) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

/// The errors of a service whose table holds `body`, which starts in line 3.
fn service_errors(body: &str) -> String {
    errors(&format!(
        "[services.orders]\ncommand = [\"./orders\"]\n{body}\n"
    ))
}

#[test]
fn several_errors_are_reported_at_once_in_the_order_of_the_file() {
    insta::assert_snapshot!(errors(
        r#"[stack]
name = "my shop"

[services.orders]
comand = ["./orders"]
start = "manuel"
ready_timeout = "90"
depends_on = ["paymnets", "orders"]
success_exit = [0, "1"]

[services.orders.stop]
signal = "SIGTREM"
grace = -5

[services.payments]
command = "./payments --port 7002"
environment = { PORT = 7002 }

[[services.payments.checks]]
htpp = "http://localhost:7002"

[servces]
"#
    ), @r#"
    shop/stead.toml:2:8: stack.name: the name "my shop" has a space at character 3; allowed are ASCII letters, digits, `-`, `_` and `.`
    shop/stead.toml:5:1: unknown key `comand` in services.orders; did you mean `command`?
    shop/stead.toml:6:9: services.orders.start: `manuel` is none of automatic, delayed, manual, disabled; did you mean `manual`?
    shop/stead.toml:7:17: services.orders.ready_timeout: "90" has no unit; write it like "90s" or "90ms"
    shop/stead.toml:8:15: orders depends on paymnets, which is no service of this file; did you mean `payments`?
    shop/stead.toml:8:27: the service orders depends on itself
    shop/stead.toml:9:20: services.orders.success_exit[1] must be a whole number, not text
    shop/stead.toml:12:10: services.orders.stop.signal: `SIGTREM` is none of SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH; did you mean `SIGTERM`?
    shop/stead.toml:13:9: services.orders.stop.grace must be a length of time, like "10s", not a whole number
    shop/stead.toml:16:11: services.payments.command must be a list of texts: the program and its arguments, not text
    shop/stead.toml:17:24: services.payments.environment.PORT must be text, not a whole number
    shop/stead.toml:20:1: unknown key `htpp` in services.payments.checks[0]; did you mean `http`?
    shop/stead.toml:22:2: unknown key `servces`; did you mean `services`?
    "#);
}

#[test]
fn broken_toml_is_the_parsers_message_at_its_place() {
    insta::assert_snapshot!(errors("[services.orders]\ncommand = [\"./orders\"\n"), @"shop/stead.toml:2:22: this is not TOML: unclosed array, expected `]`");
    insta::assert_snapshot!(errors("[services.orders\n"), @"shop/stead.toml:1:17: this is not TOML: unclosed table, expected `]`");
    insta::assert_snapshot!(errors("a = 1 = 2\nb = \n"), @"
    shop/stead.toml:1:7: this is not TOML: unexpected key or value, expected newline, `#`
    shop/stead.toml:2:5: this is not TOML: string values must be quoted, expected literal string
    ");
}

#[test]
fn a_name_used_twice_names_both_places() {
    insta::assert_snapshot!(errors(
        "[services.orders]\ncommand = [\"a\"]\n\n[services.payments]\ncommand = [\"b\"]\n\n[services.orders]\ncommand = [\"c\"]\n"
    ), @"shop/stead.toml:7:11: the service `orders` is defined twice; it is first at 1:11");
    insta::assert_snapshot!(service_errors("user = \"a\"\n\"user\" = \"b\""), @"shop/stead.toml:4:1: the key `user` is given twice; it is first at 3:1");
    insta::assert_snapshot!(errors(
        "[services.a]\ncommand = [\"a\"]\n[services.a.stop]\ngrace = \"1s\"\n[services.b]\ncommand = [\"b\"]\n[services.b.stop]\n[services.a.stop]\n"
    ), @"shop/stead.toml:8:13: the table `stop` is defined twice; it is first at 3:13");
    insta::assert_snapshot!(service_errors("environment = { A = \"1\", A = \"2\" }"), @"shop/stead.toml:3:26: the key `A` is given twice; it is first at 3:17");
    insta::assert_snapshot!(errors(
        "[services.orders]\ncommand = [\"a\"]\n[services.Orders]\ncommand = [\"a\"]\n"
    ), @"shop/stead.toml:1:11: the services `Orders` and `orders` differ in case only, which Windows and macOS do not see");
}

#[test]
fn columns_are_counted_in_characters() {
    insta::assert_snapshot!(errors(
        "\u{feff}[services.o]\r\ncommand = [\"ö\"]\r\nenvironment = { \"Ä\" = \"ää\", B = 1 }\r\n"
    ), @"shop/stead.toml:3:33: services.o.environment.B must be text, not a whole number");
}

#[test]
fn dependencies_are_judged() {
    let stack = |edges: &[(&str, &str)]| {
        edges
            .iter()
            .map(|(name, on)| {
                format!("[services.{name}]\ncommand = [\"x\"]\ndepends_on = [{on}]\n")
            })
            .collect::<String>()
    };
    insta::assert_snapshot!(errors(&stack(&[
        ("orders", "\"payments\""),
        ("payments", "\"ledger\", \"orders\""),
        ("ledger", ""),
        ("gateway", "\"orders\""),
    ])), @"shop/stead.toml:3:15: the services depend on each other in a circle: orders → payments → orders");
    insta::assert_snapshot!(errors(&stack(&[
        ("a", "\"c\""), ("b", "\"a\""), ("c", "\"b\""), ("x", "\"y\""), ("y", "\"x\""),
    ])), @"
    shop/stead.toml:3:15: the services depend on each other in a circle: a → c → b → a
    shop/stead.toml:12:15: the services depend on each other in a circle: x → y → x
    ");
    insta::assert_snapshot!(errors(&stack(&[("a", "\"a\""), ("b", "\"a\", \"a\"")])), @"
    shop/stead.toml:3:15: the service a depends on itself
    shop/stead.toml:6:20: b depends on a twice
    ");
    insta::assert_snapshot!(errors(
        "[services.a]\ncommand = [\"x\"]\nstart = \"disabled\"\n[services.b]\ncommand = [\"x\"]\ndepends_on = [\"a\"]\n"
    ), @"shop/stead.toml:6:15: b depends on a, which is disabled");
    // A dependency on a service that has errors of its own is no second error.
    insta::assert_snapshot!(errors(
        "[services.a]\ncommand = []\n[services.b]\ncommand = [\"x\"]\ndepends_on = [\"a\"]\n"
    ), @"shop/stead.toml:2:11: services.a.command: the command is empty; name at least the program");
}

#[test]
fn commands_are_judged() {
    insta::assert_snapshot!(errors("[services.a]\n"), @"shop/stead.toml:1:11: services.a has no `command`");
    insta::assert_snapshot!(errors("[services.a]\ncommand = [\"\"]\n"), @"shop/stead.toml:2:12: services.a.command[0]: the command's program is an empty text");
    insta::assert_snapshot!(errors("[services.a]\ncommand = [\"x\", \"y\\u0000z\"]\n"), @"shop/stead.toml:2:17: services.a.command[1]: argument 1 has a NUL byte, which no program can be given");
    insta::assert_snapshot!(errors("[services.a]\ncommand = [1, \"x\"]\n"), @"shop/stead.toml:2:12: services.a.command[0] must be text, not a whole number");
    insta::assert_snapshot!(service_errors("before_start = [\"./migrate\"]"), @"shop/stead.toml:3:17: services.orders.before_start[0] must be a list of texts: the program and its arguments, not text");
    insta::assert_snapshot!(service_errors("user = \"a\\u0000\""), @"shop/stead.toml:3:8: services.orders.user: the text has a NUL byte, which no program can be given");
}

#[test]
fn names_are_judged() {
    insta::assert_snapshot!(errors("[services.\"my orders\"]\ncommand = [\"x\"]\n"), @r#"shop/stead.toml:1:11: services: the name "my orders" has a space at character 3; allowed are ASCII letters, digits, `-`, `_` and `.`"#);
    insta::assert_snapshot!(errors("[services.\"../etc\"]\ncommand = [\"x\"]\n"), @r#"shop/stead.toml:1:11: services: the name "../etc" has `/` at character 3; allowed are ASCII letters, digits, `-`, `_` and `.`"#);
    insta::assert_snapshot!(errors("[services.\"-x\"]\ncommand = [\"x\"]\n"), @r#"shop/stead.toml:1:11: services: the name "-x" starts with `-`; a name starts with an ASCII letter or a digit"#);
    insta::assert_snapshot!(errors("[services.\"\"]\ncommand = [\"x\"]\n"), @"shop/stead.toml:1:11: services: the name is empty; a name has 1 to 63 ASCII letters, digits, `-`, `_` and `.`");
    insta::assert_snapshot!(errors("[services.größe]\ncommand = [\"x\"]\n"), @"shop/stead.toml:1:13: this is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`");
    insta::assert_snapshot!(errors("[services.\"größe\"]\ncommand = [\"x\"]\n"), @r#"shop/stead.toml:1:11: services: the name "größe" has `ö` at character 3; allowed are ASCII letters, digits, `-`, `_` and `.`"#);
    insta::assert_snapshot!(errors("[services.\"a\\nb\"]\ncommand = [\"x\"]\n"), @r#"shop/stead.toml:1:11: services: the name "a\nb" has '\n' at character 2; allowed are ASCII letters, digits, `-`, `_` and `.`"#);
    insta::assert_snapshot!(errors(&format!("[services.{}]\ncommand = [\"x\"]\n", "n".repeat(64))), @"shop/stead.toml:1:11: services: the name has 64 characters; at most 63 are allowed");
}

#[test]
fn a_file_without_services_is_an_error() {
    insta::assert_snapshot!(errors(""), @"shop/stead.toml:1:1: the file defines no service");
    insta::assert_snapshot!(errors("[services]\n"), @"shop/stead.toml:1:2: the file defines no service");
    insta::assert_snapshot!(errors("services = 3\n"), @"shop/stead.toml:1:12: services must be a table, not a whole number");
}

#[test]
fn values_are_judged() {
    let table = [
        "ready = \"healthy\"",
        "ready_timeout = \"0s\"",
        "hook_timeout = \"-1s\"",
        "directory = \"\"",
        "environment = { \"A=B\" = \"1\" }",
        "restart = { delay = \"2m\" }",
        "restart = { on_unhealthy = true }",
        "restart = { limit = -1 }",
        "restart = { limit = 1001 }",
        "restart = { window = \"0s\" }",
        "restart = { delay = \"1.5s\" }",
        "restart = { delay = \"1s1m\" }",
        "restart = { delay = \"1y\" }",
        "logs = { max_size = \"10MB\" }",
        "logs = { max_size = 0 }",
        "logs = { max_age = \"99999d\" }",
        "limits = { cpu = nan, memory = \"x\", tasks = 0, open_files = 1.5 }",
        "reload = {}",
        "reload = { signal = \"HUP\", command = [\"x\"] }",
        "reload = { singal = \"HUP\" }",
        "stop = { signal = 15 }",
        "publish = { port = 70000 }",
        "publish = { port = 0, weights = { passing = 0 } }",
        "windows = { privileges = [\"Debug\"], recovery = { actions = [\"run/1s\", \"reboot\"] } }",
        "config = { watch = [\"services/orders\"] }",
        "sandbox = { profile = \"strct\" }",
        "user = 2026-01-01",
    ];
    let all: Vec<_> = table
        .iter()
        .map(|line| format!("{line}\n{}", service_errors(line)))
        .collect();
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    ready = "healthy"
    shop/stead.toml:3:9: services.orders.ready is "healthy", but the service has no check

    ready_timeout = "0s"
    shop/stead.toml:3:17: services.orders.ready_timeout must be longer than 0s

    hook_timeout = "-1s"
    shop/stead.toml:3:16: services.orders.hook_timeout: "-1s" is negative; a length of time is not

    directory = ""
    shop/stead.toml:3:13: services.orders.directory is empty

    environment = { "A=B" = "1" }
    shop/stead.toml:3:17: the name of the environment variable "A=B" has a `=` in it

    restart = { delay = "2m" }
    shop/stead.toml:3:21: services.orders.restart.delay is 2m, longer than max_delay, which is 1m

    restart = { on_unhealthy = true }
    shop/stead.toml:3:28: services.orders.restart.on_unhealthy is true, but the service has no check

    restart = { limit = -1 }
    shop/stead.toml:3:21: services.orders.restart.limit: -1 is out of range; it must be from 0 to 4294967295

    restart = { limit = 1001 }
    shop/stead.toml:3:21: services.orders.restart.limit must be at most 1000

    restart = { window = "0s" }
    shop/stead.toml:3:22: services.orders.restart.window must be longer than 0s

    restart = { delay = "1.5s" }
    shop/stead.toml:3:21: services.orders.restart.delay: "1.5s" is not a length of time; write it like "10s", "1m30s", "500ms" or "7d"

    restart = { delay = "1s1m" }
    shop/stead.toml:3:21: services.orders.restart.delay: "1s1m" has its units out of order; write the largest first, each once

    restart = { delay = "1y" }
    shop/stead.toml:3:21: services.orders.restart.delay: "y" in "1y" is no unit of time; the units are d, h, m, s and ms

    logs = { max_size = "10MB" }
    shop/stead.toml:3:21: services.orders.logs.max_size: "MB" in "10MB" is no unit of size; the units are B, KiB, MiB, GiB and TiB

    logs = { max_size = 0 }
    shop/stead.toml:3:21: services.orders.logs.max_size must be more than 0

    logs = { max_age = "99999d" }
    shop/stead.toml:3:20: services.orders.logs.max_age: "99999d" is too long; at most 36500d are allowed

    limits = { cpu = nan, memory = "x", tasks = 0, open_files = 1.5 }
    shop/stead.toml:3:18: services.orders.limits.cpu must be more than 0
    shop/stead.toml:3:32: services.orders.limits.memory: "x" is not a size; write it like "10MiB", "64KiB", "1GiB" or 4096
    shop/stead.toml:3:45: services.orders.limits.tasks must be more than 0
    shop/stead.toml:3:61: services.orders.limits.open_files must be a whole number, not negative, not a number with a point

    reload = {}
    shop/stead.toml:3:1: services.orders.reload has neither `signal` nor `command`

    reload = { signal = "HUP", command = ["x"] }
    shop/stead.toml:3:1: services.orders.reload has both `signal` and `command`; only one can be

    reload = { singal = "HUP" }
    shop/stead.toml:3:12: unknown key `singal` in services.orders.reload; did you mean `signal`?

    stop = { signal = 15 }
    shop/stead.toml:3:19: services.orders.stop.signal must be the name of a signal, like "SIGTERM", not a whole number

    publish = { port = 70000 }
    shop/stead.toml:3:20: services.orders.publish.port: 70000 is out of range; it must be from 0 to 65535

    publish = { port = 0, weights = { passing = 0 } }
    shop/stead.toml:3:20: services.orders.publish.port must be more than 0
    shop/stead.toml:3:45: services.orders.publish.weights.passing must be more than 0

    windows = { privileges = ["Debug"], recovery = { actions = ["run/1s", "reboot"] } }
    shop/stead.toml:3:27: services.orders.windows.privileges[0]: "Debug" is no privilege; their names are like SeChangeNotifyPrivilege
    shop/stead.toml:3:61: services.orders.windows.recovery has the action `run` but no `command` to run
    shop/stead.toml:3:71: services.orders.windows.recovery.actions[1]: "reboot" is no recovery action; write none, restart, run or reboot with a delay, like "restart/1s"

    config = { watch = ["services/orders"] }
    shop/stead.toml:3:21: services.orders.config.watch[0]: the path of a document starts with `/`; did you mean `/services/orders`?

    sandbox = { profile = "strct" }
    shop/stead.toml:3:23: services.orders.sandbox.profile: `strct` is none of off, standard, strict; did you mean `strict`?

    user = 2026-01-01
    shop/stead.toml:3:8: services.orders.user must be text, not a date
    "#);
}

#[test]
fn checks_are_judged() {
    let table = [
        "{}",
        "{ interval = \"1s\" }",
        "{ http = \"http://x\", tcp = \"x:1\" }",
        "{ http = \"ftp://x\" }",
        "{ http = \"http://\" }",
        "{ http = \"http://x:0/\" }",
        "{ http = \"http://a b/\" }",
        "{ http = \"http://[::1/\" }",
        "{ tcp = \"localhost\" }",
        "{ tcp = \"::1:80\" }",
        "{ tcp = \":80\" }",
        "{ tcp = \"x:http\" }",
        "{ grpc = \"http://x:80\" }",
        "{ exec = [] }",
        "{ heartbeat = \"0s\" }",
        "{ heartbeat = \"5s\", interval = \"1s\" }",
        "{ tcp = \"x:1\", interval = \"0s\", timeout = \"0ms\" }",
        "{ tcp = \"x:1\", healthy_after = 0, unhealthy_after = 0 }",
        "{ tcp = \"x:1\", name = \"a b\" }",
        "{ tcp = \"x:1\", name = \"n\" }, { tcp = \"y:1\", name = \"n\" }",
        "{ tcp = \"x:1\", name = \"http\" }, { http = \"http://y\" }",
        "\"x\"",
    ];
    let all: Vec<_> = table
        .iter()
        .map(|check| {
            format!(
                "{check}\n{}",
                service_errors(&format!("checks = [{check}]"))
            )
        })
        .collect();
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    {}
    shop/stead.toml:3:11: services.orders.checks[0] says nothing to try

    { interval = "1s" }
    shop/stead.toml:3:11: services.orders.checks[0] says nothing to try

    { http = "http://x", tcp = "x:1" }
    shop/stead.toml:3:32: services.orders.checks[0] has both `http` and `tcp`; write two checks

    { http = "ftp://x" }
    shop/stead.toml:3:20: services.orders.checks[0].http: "ftp://x" is no URL of a check; it starts with http:// or https://

    { http = "http://" }
    shop/stead.toml:3:20: services.orders.checks[0].http: in the URL "http://", the host is missing

    { http = "http://x:0/" }
    shop/stead.toml:3:20: services.orders.checks[0].http: in the URL "http://x:0/", the port "0" is not from 1 to 65535

    { http = "http://a b/" }
    shop/stead.toml:3:20: services.orders.checks[0].http: the URL "http://a b/" has the character ' ' in it

    { http = "http://[::1/" }
    shop/stead.toml:3:20: services.orders.checks[0].http: in the URL "http://[::1/", the address has a `[` without a `]`

    { tcp = "localhost" }
    shop/stead.toml:3:19: services.orders.checks[0].tcp: in "localhost", the port is missing; write "host:port"

    { tcp = "::1:80" }
    shop/stead.toml:3:19: services.orders.checks[0].tcp: in "::1:80", an IPv6 address stands in [ ]; write "host:port"

    { tcp = ":80" }
    shop/stead.toml:3:19: services.orders.checks[0].tcp: in ":80", the host is missing; write "host:port"

    { tcp = "x:http" }
    shop/stead.toml:3:19: services.orders.checks[0].tcp: in "x:http", the port "http" is no number; write "host:port"

    { grpc = "http://x:80" }
    shop/stead.toml:3:20: services.orders.checks[0].grpc: in "http://x:80", the port "" is not from 1 to 65535; write "host:port" or "host:port/service"

    { exec = [] }
    shop/stead.toml:3:20: services.orders.checks[0].exec: the command is empty; name at least the program

    { heartbeat = "0s" }
    shop/stead.toml:3:25: services.orders.checks[0].heartbeat: a heartbeat must be longer than 0s

    { heartbeat = "5s", interval = "1s" }
    shop/stead.toml:3:31: services.orders.checks[0]: a heartbeat has no `interval`; the program reports by itself

    { tcp = "x:1", interval = "0s", timeout = "0ms" }
    shop/stead.toml:3:37: services.orders.checks[0].interval must be longer than 0s
    shop/stead.toml:3:53: services.orders.checks[0].timeout must be longer than 0s

    { tcp = "x:1", healthy_after = 0, unhealthy_after = 0 }
    shop/stead.toml:3:42: services.orders.checks[0].healthy_after must be at least 1
    shop/stead.toml:3:63: services.orders.checks[0].unhealthy_after must be at least 1

    { tcp = "x:1", name = "a b" }
    shop/stead.toml:3:33: services.orders.checks[0].name: the name "a b" has a space at character 2; allowed are ASCII letters, digits, `-`, `_` and `.`

    { tcp = "x:1", name = "n" }, { tcp = "y:1", name = "n" }
    shop/stead.toml:3:62: two checks are called `n`: the first and the second of the service

    { tcp = "x:1", name = "http" }, { http = "http://y" }
    shop/stead.toml:3:43: two checks are called `http`: the first and the second of the service

    "x"
    shop/stead.toml:3:11: services.orders.checks[0] must be a table, not text
    "#);
}

#[test]
fn a_faulty_element_moves_no_other_error() {
    insta::assert_snapshot!(service_errors(
        "depends_on = [1, \"nobody\"]\nready = \"healthy\"\nchecks = [{}, { tcp = \"x\" }, { htp = \"http://x\" }, { tcp = \"x:1\", timeout = \"0s\" }]"
    ), @r#"
    shop/stead.toml:3:15: services.orders.depends_on[0] must be the name of a service, not a whole number
    shop/stead.toml:3:18: orders depends on nobody, which is no service of this file
    shop/stead.toml:5:11: services.orders.checks[0] says nothing to try
    shop/stead.toml:5:23: services.orders.checks[1].tcp: in "x", the port is missing; write "host:port"
    shop/stead.toml:5:32: unknown key `htp` in services.orders.checks[2]; did you mean `http`?
    shop/stead.toml:5:77: services.orders.checks[3].timeout must be longer than 0s
    "#);
    // No word about missing checks where the checks are what is wrong.
    insta::assert_snapshot!(service_errors("ready = \"healthy\"\nchecks = \"tcp\""), @"shop/stead.toml:4:10: services.orders.checks must be a list of tables, not text");
}

#[test]
fn hints_are_data() {
    let text = "[services.a]\ncommand = \"./a --port 1\"\n";
    let errors = Definition::parse(text, Path::new("stead.toml")).unwrap_err();
    let error = errors.iter().next().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!((error.line, error.column), (2, 11));
    assert_eq!(error.key, "services.a.command");
    assert!(error.hint.as_ref().unwrap().contains("no shell"));
    let text = "[services.a]\ncomand = [\"a\"]\ncommand = [\"a\"]\n";
    let errors = Definition::parse(text, Path::new("stead.toml")).unwrap_err();
    let error = errors.into_iter().next().unwrap();
    assert_eq!(error.suggestion.as_deref(), Some("command"));
    assert_eq!(error.key, "services.a.comand");
}

#[test]
fn a_file_over_the_bound_is_refused() {
    let text = "#".repeat(stead_model::definition::DEFINITION_MAX + 1);
    assert!(
        errors(&text).contains("at most 1048576"),
        "{}",
        errors(&text)
    );
}

#[test]
fn a_list_and_a_table_of_one_name_are_twice_the_same() {
    insta::assert_snapshot!(service_errors(
        "checks = [{ tcp = \"x:1\" }]\n[[services.orders.checks]]\ntcp = \"y:1\""
    ), @"shop/stead.toml:4:19: the table `checks` is defined twice; it is first at 3:1");
    insta::assert_snapshot!(service_errors("stop = { grace = \"1s\" }\n[services.orders.stop]"), @"shop/stead.toml:4:18: the table `stop` is defined twice; it is first at 3:1");
    insta::assert_snapshot!(errors(
        "[stack]\nname = \"a\"\nname = \"b\"\n[services.a]\ncommand = [\"name = 1\"]\nuser = \"u\"\nuser = \"v\"\n"
    ), @"
    shop/stead.toml:3:1: the key `name` is given twice; it is first at 2:1
    shop/stead.toml:7:1: the key `user` is given twice; it is first at 6:1
    ");
}

/// Errors whose explanation costs more with each line are bounded: this would take minutes.
#[test]
fn thousands_of_errors_are_reported_soon() {
    let unknown: String = (0..5_000)
        .map(|n| format!("[services.s{n}]\ncommand = [\"x\"]\ndepends_on = [\"t{n}\"]\n"))
        .collect();
    assert_eq!(errors(&unknown).lines().count(), 5_000);
    let twice: String = (0..5_000)
        .map(|_| "[services.s]\ncommand = [\"x\"]\n")
        .collect();
    assert_eq!(errors(&twice).lines().count(), 4_999);
}
