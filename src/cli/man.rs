//! `bindery man`: the man pages. `make dist` asks for them.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};

/// Where to.
#[derive(Args, Debug)]
pub struct ManArguments {
    /// The directory that the pages are written into: one of the program, and one of each command.
    directory: PathBuf,
}

impl ManArguments {
    /// Writes the pages of all that the program can do.
    pub(super) fn run(&self, program: Command) -> anyhow::Result<String> {
        let named = || format!("failed to write into {}", self.directory.display());
        std::fs::create_dir_all(&self.directory).with_context(named)?;
        clap_mangen::generate_to(program, &self.directory).with_context(named)?;
        Ok(String::new())
    }
}
