//! How the output is kept.

use roxmltree::Node;
use stead_model::Service;
use stead_model::definition::ByteSize;

use super::{line, text, value};
use crate::ImportError;
use crate::draft::Notes;

/// The largest file `logs.max_size` is set to: larger than any disk.
const SIZE_MAX: u64 = 1 << 50;

/// `<log>` with all below it, or one of the elements that stood for it in older files.
pub(super) fn set(
    node: Node<'_, '_>,
    service: &mut Service,
    notes: &mut Notes,
) -> Result<(), ImportError> {
    let subject = format!("<{}>", node.tag_name().name());
    let value = text(node);
    match node.tag_name().name().to_ascii_lowercase().as_str() {
        "log" => {
            if let Some(mode) = node.attribute("mode") {
                note_mode(mode, line(node), notes);
            }
            for child in node.children().filter(Node::is_element) {
                set(child, service, notes)?;
            }
        }
        "logmode" => note_mode(&value, line(node), notes),
        "sizethreshold" => {
            let kib = value::number(node)?;
            service.logs.max_size = ByteSize::from_bytes(kib.saturating_mul(1024).min(SIZE_MAX));
        }
        "keepfiles" => {
            service.logs.keep = u32::try_from(value::number(node)?).unwrap_or(u32::MAX);
        }
        "zipolderthannumdays" | "zipdateformat" => notes.add(
            line(node),
            &subject,
            "has no counterpart: rotated files are compressed at once (`logs.compress`)",
        ),
        "autorollattime" | "period" | "pattern" => notes.add(
            line(node),
            &subject,
            format!("{value} has no counterpart: files are rotated by size and by age (`logs.max_age`)"),
        ),
        _ => notes.add(
            line(node),
            &subject,
            format!("{value} has no counterpart: Stead keeps the output in its own log folder, and `stead service logs` shows it"),
        ),
    }
    Ok(())
}

fn note_mode(mode: &str, line: usize, notes: &mut Notes) {
    let advice = match mode.to_ascii_lowercase().as_str() {
        // What Stead does.
        "roll" | "roll-by-size" | "rotate" => return,
        "append" => "the log is rotated by `logs.max_size` and `logs.max_age` here",
        "reset" => "the log is kept over starts here, and rotated by `logs`",
        "none" | "ignore" => {
            "the output is kept here; have the program write none, or keep little of it with `logs`"
        }
        "roll-by-time" | "roll-by-size-time" => {
            "files are rotated by size and by age (`logs.max_age`), not at a time of the day"
        }
        _ => "is no mode that is known here; see the keys of `logs`",
    };
    notes.add(line, format!("log mode {mode}"), advice);
}
