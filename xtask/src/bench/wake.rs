//! From a write to the answer of the blocking query that waits for it, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stead_testkit::{DEADLINE, Stack, eventually, free_port, http};

use super::table::{Row, Table, Target};
use super::{Setting, measure_for, median, milliseconds};

const ROUNDS: usize = 300;

/// Between the watcher's request and the write, so that the query is parked when it comes.
const PARK: Duration = Duration::from_millis(5);

/// The longest an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(setting: &Setting<'_>, table: &mut Table) -> Result<()> {
    let stack = Stack::of(setting.stead).up(&format!(
        "[services.idle]\ncommand = {}\n",
        setting.probe.in_toml(&["idle"])
    ));
    let mut stead = samples(stack.http())?;
    stack.stop();
    let middle = median(&mut stead).context("no round was run")?;
    let mut row = Row::new(
        "write to a watcher's answer, median",
        "ms",
        milliseconds(middle),
    )
    .target(Target::AtMost(0.7));
    if let Some(binary) = setting.consul {
        let consul = Consul::start(binary)?;
        let mut peer = samples(consul.http)?;
        row = row.peer(
            "Consul",
            milliseconds(median(&mut peer).context("no round was run")?),
        );
    }
    table.push(row);
    let late = stead
        .get(stead.len() * 99 / 100)
        .context("no round was run")?;
    table.push(Row::new(
        "write to a watcher's answer, 99 %",
        "ms",
        milliseconds(*late),
    ));
    Ok(())
}

/// The times of all rounds, from just before the write is sent to the end of the answer.
fn samples(address: SocketAddr) -> Result<Vec<Duration>> {
    let (asked, asking) = sync_channel(1);
    let (answered, answers) = sync_channel(1);
    let watcher = thread::spawn(move || watch(address, &asked, &answered));
    let mut writer = Connection::open(address)?;
    let mut samples = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        asking
            .recv_timeout(PATIENCE)
            .context("the watcher does not ask")?;
        measure_for(PARK);
        let sent = Instant::now();
        writer.request("PUT", "/v1/kv/bench", &round.to_string())?;
        let done: Instant = answers
            .recv_timeout(PATIENCE)
            .context("the watcher gets no answer")?;
        samples.push(done.saturating_duration_since(sent));
    }
    drop((asking, answers));
    // The watcher waits for one more change; give it one.
    writer.request("PUT", "/v1/kv/bench", "end")?;
    match watcher.join() {
        Ok(result) => result?,
        Err(_) => bail!("the watcher panicked"),
    }
    Ok(samples)
}

/// Asks again and again for what comes after the newest index, until nobody listens.
fn watch(
    address: SocketAddr,
    asked: &SyncSender<()>,
    answered: &SyncSender<Instant>,
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    connection.request("PUT", "/v1/kv/bench", "start")?;
    let mut index = connection.request("GET", "/v1/kv/bench", "")?.index;
    loop {
        connection.send("GET", &format!("/v1/kv/bench?wait=60s&index={index}"), "")?;
        if asked.send(()).is_err() {
            connection.receive()?;
            return Ok(());
        }
        let answer = connection.receive()?;
        let done = Instant::now();
        if answer.index == index {
            bail!("a query was answered without a change");
        }
        index = answer.index;
        if answered.send(done).is_err() {
            return Ok(());
        }
    }
}

/// A connection that is kept, as a client's library keeps it.
struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

struct Answer {
    index: u64,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            address,
            stream: BufReader::new(stream),
        })
    }

    fn request(&mut self, method: &str, path: &str, body: &str) -> Result<Answer> {
        self.send(method, path, body)?;
        self.receive()
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(text.as_bytes())?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Answer> {
        let status = self.line()?;
        if !status.contains(" 200 ") {
            bail!("the server answered {status}");
        }
        let (mut index, mut length) = (0, None);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("x-consul-index") {
                index = value.parse()?;
            } else if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse()?);
            }
        }
        let mut body = vec![0; length.context("an answer without its length")?];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { index })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

/// A durable Consul server on ports of its own.
struct Consul {
    child: Child,
    http: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Consul {
    #[allow(
        clippy::disallowed_methods,
        reason = "the peer, not a service; it is killed and reaped when dropped"
    )]
    fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let ports = format!(
            "ports {{ http = {port} dns = -1 server = {} serf_lan = {} serf_wan = -1 }}",
            free_port(),
            free_port()
        );
        let child = Command::new(binary)
            .args([
                "agent",
                "-server",
                "-bootstrap",
                "-bind",
                "127.0.0.1",
                "-data-dir",
            ])
            .arg(folder.path())
            .args(["-hcl", &ports])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Consul")?;
        let consul = Self {
            child,
            http: SocketAddr::from(([127, 0, 0, 1], port)),
            _folder: folder,
        };
        eventually(DEADLINE, "Consul has a leader", || {
            http::put(consul.http, "/v1/kv/ready", "")
                .is_ok_and(|answer| answer.body.trim() == "true")
        });
        Ok(consul)
    }
}

impl Drop for Consul {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
