//! Makes the message table of the Windows event log and has it linked into every executable that
//! links this crate, whatever is between them: the viewer loads the texts from there.
//!
//! No resource compiler is asked for. A flag for the linker would not do, as cargo gives those of
//! a dependency to nobody; a native library is handed on to the final link.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a part of the crate's face"
)]
#[path = "../src/eventlog/messages.rs"]
mod messages;
mod resource;
mod table;

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use resource::Machine;

/// What the linker calls it.
const LIBRARY: &str = "stead_messages";

fn main() -> Result<(), Box<dyn Error>> {
    for file in ["build", "src/eventlog/messages.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
    if env::var("CARGO_CFG_TARGET_OS")? != "windows" {
        return Ok(());
    }
    let table = table::message_table(messages::EVENTS);
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    if env::var("CARGO_CFG_TARGET_ENV")? == "msvc" {
        // Microsoft's linker wants at most one object with resources but takes any number of
        // compiled resource files, which it knows by their content, and merges them.
        fs::write(folder.join(format!("{LIBRARY}.lib")), resource::res(&table))?;
        println!("cargo:rustc-link-lib=dylib={LIBRARY}");
    } else {
        // GNU's linker merges the resource trees of objects. All of the archive is wanted, though
        // no code refers to it; nor must it vanish in the library of this crate.
        let architecture = env::var("CARGO_CFG_TARGET_ARCH")?;
        let machine = Machine::of(&architecture)
            .ok_or_else(|| format!("no resources are known for Windows on {architecture}"))?;
        let object = resource::object(machine, &table);
        fs::write(
            folder.join(format!("lib{LIBRARY}.a")),
            resource::archive(&object),
        )?;
        println!("cargo:rustc-link-lib=static:+whole-archive,-bundle={LIBRARY}");
    }
    println!("cargo:rustc-link-search=native={}", folder.display());
    Ok(())
}
