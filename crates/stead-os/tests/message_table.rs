//! What the build script makes, read back byte by byte as linkers and Windows do.

#![allow(
    clippy::unwrap_used,
    reason = "in the helpers of a test as in the test"
)]

#[path = "../build/resource.rs"]
mod resource;
#[path = "../build/table.rs"]
mod table;

use std::collections::BTreeMap;

use resource::Machine;
use stead_os::eventlog::{self as messages, EVENTS};

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32_at(bytes, at)).unwrap()
}

/// The texts of a message table by their numbers.
fn texts(table: &[u8]) -> BTreeMap<u32, String> {
    let mut texts = BTreeMap::new();
    for block in 0..at(table, 0) {
        let header = 4 + block * 12;
        let mut entry = at(table, header + 8);
        for id in u32_at(table, header)..=u32_at(table, header + 4) {
            let length = usize::from(u16_at(table, entry));
            assert_eq!((length % 4, u16_at(table, entry + 2)), (0, 1));
            let units: Vec<u16> = (entry + 4..entry + length)
                .step_by(2)
                .map(|place| u16_at(table, place))
                .take_while(|unit| *unit != 0)
                .collect();
            texts.insert(id, String::from_utf16(&units).unwrap());
            entry += length;
        }
    }
    texts
}

fn expected() -> BTreeMap<u32, String> {
    let text = |event: &messages::Event| (event.message_id(), format!("{}\r\n", event.text));
    EVENTS.iter().map(text).collect()
}

#[test]
fn the_table_has_every_text() {
    assert_eq!(texts(&table::message_table(EVENTS)), expected());
}

#[test]
fn an_object_leads_from_its_directories_to_the_table() {
    for (architecture, machine, relocation) in [
        ("x86_64", 0x8664, 3),
        ("x86", 0x14c, 7),
        ("aarch64", 0xaa64, 2),
    ] {
        let data = table::message_table(EVENTS);
        let object = resource::object(Machine::of(architecture).unwrap(), &data);
        assert_eq!((u16_at(&object, 0), u16_at(&object, 2)), (machine, 1));
        assert_eq!(&object[20..28], b".rsrc\0\0\0");
        let (size, start) = (at(&object, 20 + 16), at(&object, 20 + 20));
        let section = &object[start..start + size];
        let mut directory = 0;
        for wanted in [11, 1, 0x409] {
            assert_eq!(
                (
                    u16_at(section, directory + 12),
                    u16_at(section, directory + 14)
                ),
                (0, 1)
            );
            assert_eq!(u32_at(section, directory + 16), wanted);
            directory = at(section, directory + 20) & 0x7fff_ffff;
        }
        let place = at(section, directory);
        assert_eq!(&section[place..place + at(section, directory + 4)], data);
        // The one place the linker has to fill in is that of the table's address.
        let entry = at(&object, 20 + 24);
        assert_eq!(at(&object, entry), directory);
        assert_eq!(u16_at(&object, entry + 8), relocation);
        // Symbols and the table of long names end the file.
        let symbols = at(&object, 8);
        let names = symbols + 3 * 18;
        assert_eq!(names + at(&object, names), object.len());
    }
    assert!(Machine::of("sparc").is_none());
}

#[test]
fn an_archive_has_the_object_where_its_index_says() {
    let object = resource::object(Machine::of("x86_64").unwrap(), b"table");
    let archive = resource::archive(&object);
    assert!(archive.starts_with(b"!<arch>\n/ "));
    let place = archive[72..76].try_into().map(u32::from_be_bytes).unwrap();
    let place = usize::try_from(place).unwrap();
    assert!(archive[place..].starts_with(b"messages.o/ "));
    assert!(archive[place + 60..].starts_with(&object));
}

#[test]
fn a_compiled_resource_has_the_table_after_its_mark() {
    let data = table::message_table(EVENTS);
    let res = resource::res(&data);
    assert_eq!((u32_at(&res, 0), u32_at(&res, 4)), (0, 32));
    assert_eq!((at(&res, 32), u32_at(&res, 36)), (data.len(), 32));
    assert_eq!(
        (u32_at(&res, 40), u32_at(&res, 44)),
        (0x000b_ffff, 0x0001_ffff)
    );
    assert_eq!(u16_at(&res, 32 + 22), 0x409);
    assert_eq!(texts(&res[64..64 + data.len()]), expected());
}
