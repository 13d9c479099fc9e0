//! From bytes to text.

use crate::{IMPORT_MAX, ImportError};

/// UTF-8 with or without a byte order mark, UTF-16 with one.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, ImportError> {
    if bytes.len() > IMPORT_MAX {
        return Err(ImportError::TooLarge { size: bytes.len() });
    }
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(ImportError::Encoding);
        }
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).map_err(|_| ImportError::Encoding)
    };
    match bytes {
        [0xff, 0xfe, text @ ..] => wide(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => wide(text, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, text @ ..] | text => {
            String::from_utf8(text.to_vec()).map_err(|_| ImportError::Encoding)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_the_tools() {
        let le: Vec<u8> = [0xfeff, 0x68, 0xe4_u16]
            .iter()
            .flat_map(|unit| unit.to_le_bytes())
            .collect();
        let be: Vec<u8> = le.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        for bytes in [&le, &be, "hä".as_bytes(), b"\xef\xbb\xbfh\xc3\xa4"] {
            assert_eq!(decode(bytes).unwrap(), "hä");
        }
    }

    #[test]
    fn what_is_no_text() {
        for bytes in [b"\xff\xfea".as_slice(), b"\xff\xfe\x00\xd8", b"h\xe4"] {
            assert!(matches!(decode(bytes), Err(ImportError::Encoding)));
        }
        assert!(matches!(
            decode(&vec![b'x'; IMPORT_MAX + 1]),
            Err(ImportError::TooLarge { .. })
        ));
    }
}
