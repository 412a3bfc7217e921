//! The program: reads the command line and hands over.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use bindery::cli::{Cli, Command};
use bindery::generate;
use clap::Parser;

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(_) => bail!("`run` is not wired yet"),
        Command::Crds(arguments) => match arguments.write {
            Some(tree) => rewrite_generated_files(&tree),
            None => print_crds(),
        },
    }
}

fn print_crds() -> anyhow::Result<()> {
    io::stdout()
        .write_all(generate::crds()?.as_bytes())
        .context("failed to print")
}

fn rewrite_generated_files(tree: &Path) -> anyhow::Result<()> {
    for file in generate::files()? {
        let path = tree.join(&file.path);
        fs::write(&path, file.content)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}
