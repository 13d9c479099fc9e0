//! `stead logs`.

use std::process::ExitCode;

use stead_client::LogOptions;

use super::client;
use crate::cli::{Common, Logs};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(common: &Common, logs: &Logs) -> Result<ExitCode, Failure> {
    let options = LogOptions {
        follow: logs.follow,
        lines: logs.lines,
        timestamps: logs.timestamps,
    };
    client::block_on(async {
        let agent = client::agent(common).await?;
        let mut pieces = agent.logs(&logs.name, options).await?;
        while let Some(piece) = pieces.next_piece().await {
            output::bytes(&piece?)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
