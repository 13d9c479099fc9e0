//! `MESSAGE_RESOURCE_DATA` of `winnt.h`: texts by number, in blocks of consecutive numbers.

use super::messages::Event;

/// The header of an entry: its length and whether it is Unicode, two bytes each.
const ENTRY_HEADER: usize = 4;

/// The entry is UTF-16 (`MESSAGE_RESOURCE_UNICODE`).
const UNICODE: u16 = 1;

/// The message table of these events.
pub(crate) fn message_table(events: &[Event]) -> Vec<u8> {
    let mut messages: Vec<_> = events
        .iter()
        .map(|event| (event.message_id(), event.text))
        .collect();
    messages.sort_by_key(|(id, _)| *id);
    let blocks: Vec<_> = messages
        .chunk_by(|(before, _), (after, _)| before + 1 == *after)
        .collect();
    let mut table = Vec::new();
    table.extend(number(blocks.len()).to_le_bytes());
    let mut entries = Vec::new();
    let entries_start = 4 + blocks.len() * 12;
    for block in &blocks {
        table.extend(block[0].0.to_le_bytes());
        table.extend(block[block.len() - 1].0.to_le_bytes());
        table.extend(number(entries_start + entries.len()).to_le_bytes());
        for (_, text) in *block {
            push_entry(text, &mut entries);
        }
    }
    table.extend(entries);
    table
}

fn push_entry(text: &str, entries: &mut Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().chain([0x0d, 0x0a, 0]).collect();
    let length = (ENTRY_HEADER + units.len() * 2).next_multiple_of(4);
    let end = entries.len() + length;
    entries.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    entries.extend(UNICODE.to_le_bytes());
    entries.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    entries.resize(end, 0);
}

/// Sizes here are of a few kilobytes.
fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
