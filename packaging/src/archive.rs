//! Tar archives that depend on nothing but what is put into them: entries sorted by name, owner 0, one time for all.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// What an archive holds, by path. A path that ends in `/` is a directory.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File {
        content: Vec<u8>,
        mode: u32,
    },
    Directory,
    /// To another entry, by its path from there.
    Link(String),
}

impl Archive {
    /// Adds a file. The directories above it are added by [`Self::directory`] alone.
    pub(crate) fn file(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>, mode: u32) {
        let content = content.into();
        self.entries
            .insert(path.into(), Entry::File { content, mode });
    }

    /// Adds a directory.
    pub(crate) fn directory(&mut self, path: &str) {
        self.entries.insert(format!("{path}/"), Entry::Directory);
    }

    /// Adds a file or link of the file system, or every file below a directory. What can be executed stays so.
    pub(crate) fn add(&mut self, path: &str, file: &Path) -> Result<()> {
        let named = || file.display().to_string();
        let kind = fs::symlink_metadata(file).with_context(named)?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(file)?.to_string_lossy().into_owned();
            self.entries.insert(path.to_owned(), Entry::Link(target));
            return Ok(());
        }
        if !kind.is_dir() {
            let content = fs::read(file).with_context(named)?;
            self.file(path, content, mode_of(file)?);
            return Ok(());
        }
        for entry in fs::read_dir(file).with_context(named)? {
            let entry = entry?;
            let name = entry.file_name();
            self.add(&format!("{path}/{}", name.to_string_lossy()), &entry.path())?;
        }
        Ok(())
    }

    /// The archive, its entries all of this time, in seconds since 1970.
    pub(crate) fn tar(&self, time: u64) -> Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            let mut header = Header::new_gnu();
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(time);
            match entry {
                Entry::File { content, mode } => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, content.as_slice())?;
                }
                Entry::Directory => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_mode(0o755);
                    header.set_size(0);
                    builder.append_data(&mut header, path, std::io::empty())?;
                }
                Entry::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    builder.append_link(&mut header, path, target)?;
                }
            }
        }
        Ok(builder.into_inner()?)
    }
}

/// Compressed, with no time and no name in the header.
pub(crate) fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn mode_of(path: &Path) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let executable = fs::metadata(path)?.permissions().mode() & 0o100 != 0;
    Ok(if executable { 0o755 } else { 0o644 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: an archive is the same whatever the order in which it was filled.
    #[test]
    fn equal_contents_make_equal_archives() {
        let mut one = Archive::default();
        one.file("b", "2", 0o644);
        one.directory("a");
        let mut other = Archive::default();
        other.directory("a");
        other.file("b", "2", 0o644);
        assert_eq!(one.tar(7).unwrap(), other.tar(7).unwrap());
        assert_ne!(one.tar(7).unwrap(), other.tar(8).unwrap());
        let compressed = gzip(b"content").unwrap();
        assert_eq!(compressed[4..8], [0; 4], "no time in the header of gzip");
    }
}
