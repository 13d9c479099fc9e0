//! Folders that go with their test.

use tempfile::TempDir;

/// A fresh folder, removed when dropped.
///
/// Its path is short: a Unix socket in it stays below the 108 bytes that an address may have.
#[must_use]
pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("stead-")
        .tempdir()
        .expect("the system's folder for temporary files is writable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_with_its_owner() {
        let folder = folder();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
