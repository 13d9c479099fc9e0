//! `GET /stead/v1/services/NAME/logs`: captured output, as it was or with time and stream.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, Stream};
use serde::Deserialize;
use stead_api::control::ProblemKind;
use stead_supervisor::logs::{Follower, Kind, LogError, ReadOptions, Reader, Record, ServiceLog};
use tokio_util::sync::CancellationToken;

use super::router::{Desk, Refusal};

/// Bytes of one piece of an answer, about.
const PIECE: usize = 64 * 1024;
/// How long a log that is followed is waited for once the agent ends.
const LAST: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    follow: Option<String>,
    lines: Option<u64>,
    timestamps: Option<String>,
}

pub(super) async fn logs(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let name = desk.name(&name)?;
    let cannot = |why: String| {
        Refusal::new(
            ProblemKind::Failed,
            format!("cannot read the log of {name}: {why}"),
        )
    };
    let log = desk
        .agent
        .supervisor()
        .log(name.as_str())
        .cloned()
        .ok_or_else(|| cannot("its output is not captured".to_owned()))?;
    let timestamps = asked.timestamps.is_some();
    let options = ReadOptions {
        lines: asked.lines,
        since: None,
        notes: timestamps,
    };
    let body = if asked.follow.is_some() {
        let follower = follow(log, options).await.map_err(cannot)?;
        Body::from_stream(followed(follower, timestamps, desk.ending.clone()))
    } else {
        let reader = open(log, options).await.map_err(cannot)?;
        Body::from_stream(read(reader, timestamps))
    };
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

async fn open(log: ServiceLog, options: ReadOptions) -> Result<Reader, String> {
    blocking(move || log.read(&options)).await
}

async fn follow(log: ServiceLog, options: ReadOptions) -> Result<Follower, String> {
    blocking(move || log.follow(&options)).await
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is there now, a piece at a time; the disk is waited for off the asynchronous threads.
fn read(reader: Reader, timestamps: bool) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(reader), move |reader| async move {
        let mut reader = reader?;
        let piece = blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            while piece.len() < PIECE {
                match reader.next() {
                    Some(record) => show(&record?, timestamps, &mut piece),
                    None => break,
                }
            }
            Ok((piece, reader))
        });
        match piece.await {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, reader)) => Some((Ok(Bytes::from(piece)), Some(reader))),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    })
}

/// What comes, until the log is closed or the agent ends: then what is there already and no more.
fn followed(
    follower: Follower,
    timestamps: bool,
    ending: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(follower), move |follower| {
        let ending = ending.clone();
        async move {
            let mut follower = follower?;
            let last = async {
                ending.cancelled().await;
                tokio::time::sleep(LAST).await;
            };
            let records = tokio::select! {
                biased;
                records = follower.next() => records,
                () = last => return None,
            };
            match records {
                Ok(records) if records.is_empty() => None,
                Ok(records) => {
                    let mut piece = Vec::new();
                    for record in &records {
                        show(record, timestamps, &mut piece);
                    }
                    Some((Ok(Bytes::from(piece)), Some(follower)))
                }
                Err(error) => Some((Err(io::Error::other(error)), None)),
            }
        }
    })
}

fn show(record: &Record, timestamps: bool, out: &mut Vec<u8>) {
    if !timestamps {
        record.write_raw(out);
        return;
    }
    let stream = match record.kind {
        Kind::Note => "stead",
        Kind::Line | Kind::Partial => record.stream.as_str(),
    };
    out.extend_from_slice(format!("{} {stream} ", record.time).as_bytes());
    out.extend_from_slice(&record.content);
    out.push(b'\n');
}
