//! A resource as linkers take it: a COFF object in an archive, and a compiled resource file.
//!
//! After "PE Format" (the `.rsrc` section, COFF objects, archives) and "RESOURCEHEADER" of
//! Microsoft's documentation.

/// `RT_MESSAGETABLE`.
const MESSAGE_TABLE: u32 = 11;

/// `FormatMessageW` knows no other message table than number 1.
const NAME: u32 = 1;

/// The texts are in US English, which Windows falls back to whatever the user's language.
const LANGUAGE: u32 = 0x0409;

const SECTION: &[u8; 8] = b".rsrc\0\0\0";

/// An external symbol, for linkers that leave out objects without any.
const SYMBOL: &str = "stead_event_log_messages";

/// Three directories of one entry each, then the data's own entry.
const TREE: usize = 3 * (16 + 8) + 16;

/// Where in the tree the data's address stands, which only the linker knows.
const ADDRESS: usize = TREE - 16;

/// A processor, and how its objects write "so many bytes after the start of the image".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    number: u16,
    image_relative: u16,
}

impl Machine {
    /// By cargo's name of the architecture.
    pub(crate) fn of(architecture: &str) -> Option<Self> {
        let (number, image_relative) = match architecture {
            "x86_64" => (0x8664, 0x0003),
            "x86" => (0x014c, 0x0007),
            "aarch64" => (0xaa64, 0x0002),
            _ => return None,
        };
        Some(Self {
            number,
            image_relative,
        })
    }
}

/// An object with a `.rsrc` section as GNU's resource compiler makes it: the tree and the data in
/// one.
pub(crate) fn object(machine: Machine, data: &[u8]) -> Vec<u8> {
    let mut section = tree(data.len());
    section.extend(data);
    section.resize(section.len().next_multiple_of(8), 0);

    let data_start = 20 + 40;
    let relocations = data_start + section.len();
    let symbols = relocations + 10;
    let mut object = Vec::new();
    // The file's header: one section, three records of symbols, no time.
    object.extend(machine.number.to_le_bytes());
    object.extend(1_u16.to_le_bytes());
    words(&mut object, &[0, size(symbols), 3]);
    object.extend([0; 4]);
    // The section's header: initialized data, readable and (as windres has it) writable.
    object.extend(SECTION);
    words(&mut object, &[0, 0, size(section.len())]);
    words(&mut object, &[size(data_start), size(relocations), 0]);
    object.extend(1_u16.to_le_bytes());
    object.extend(0_u16.to_le_bytes());
    words(&mut object, &[0xc030_0040]);
    object.extend(&section);
    // The one relocation, against the section's own symbol.
    words(&mut object, &[size(ADDRESS), 0]);
    object.extend(machine.image_relative.to_le_bytes());
    // The symbol of the section with its record of sizes.
    object.extend(SECTION);
    words(&mut object, &[0]);
    object.extend([1, 0, 0, 0, 3, 1]);
    words(&mut object, &[size(section.len())]);
    object.extend(1_u16.to_le_bytes());
    object.extend([0; 12]);
    // The external symbol, its name in the table of long ones.
    words(&mut object, &[0, 4, 0]);
    object.extend([1, 0, 0, 0, 2, 0]);
    words(&mut object, &[size(4 + SYMBOL.len() + 1)]);
    object.extend(SYMBOL.as_bytes());
    object.push(0);
    object
}

/// The directories for type, name and language, and the entry that leads to the data after them.
fn tree(data: usize) -> Vec<u8> {
    const BELOW: u32 = 1 << 31;
    let mut tree = Vec::new();
    for (level, id) in [MESSAGE_TABLE, NAME, LANGUAGE].into_iter().enumerate() {
        // No characteristics, time, version and named entries; one numbered entry.
        tree.extend([0; 14]);
        tree.extend(1_u16.to_le_bytes());
        let next = size((level + 1) * 24);
        let is_last = level == 2;
        words(&mut tree, &[id, if is_last { next } else { next | BELOW }]);
    }
    // The address is relative to this section, until the linker adds the section's own.
    words(&mut tree, &[size(TREE), size(data), 0, 0]);
    tree
}

/// An archive of that object alone, with the index linkers look symbols up in.
pub(crate) fn archive(object: &[u8]) -> Vec<u8> {
    let mut index = 1_u32.to_be_bytes().to_vec();
    let index_size = 4 + 4 + SYMBOL.len() + 1;
    let object_at = 8 + 60 + index_size.next_multiple_of(2);
    index.extend(size(object_at).to_be_bytes());
    index.extend(SYMBOL.as_bytes());
    index.push(0);

    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in [("/", index.as_slice()), ("messages.o/", object)] {
        let length = content.len();
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{length:<10}`\n",
            0, 0, 0, "644"
        );
        archive.extend(header.as_bytes());
        archive.extend(content);
        if archive.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

/// A compiled resource file: the empty entry that marks the 32-bit format, then the data's.
pub(crate) fn res(data: &[u8]) -> Vec<u8> {
    const HEADER: u32 = 32;
    /// An identifier that is a number rather than a text.
    const NUMBER: u32 = 0xffff;
    /// Discardable and pure, as every compiler says and nobody reads.
    const MEMORY_FLAGS: u32 = 0x30;
    let mut res = Vec::new();
    words(&mut res, &[0, HEADER, NUMBER, NUMBER, 0, 0, 0, 0]);
    words(&mut res, &[size(data.len()), HEADER]);
    words(
        &mut res,
        &[NUMBER | MESSAGE_TABLE << 16, NUMBER | NAME << 16],
    );
    words(&mut res, &[0, MEMORY_FLAGS | LANGUAGE << 16, 0, 0]);
    res.extend(data);
    res.resize(res.len().next_multiple_of(4), 0);
    res
}

fn words(bytes: &mut Vec<u8>, words: &[u32]) {
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// Sizes here are of a few kilobytes.
fn size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
