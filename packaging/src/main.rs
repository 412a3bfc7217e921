//! `make dist` calls this for everything that must come out the same each time.

mod archive;
mod image;
mod layout;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};

use packaging::schemas;

use self::archive::{Archive, gzip};
use self::image::About;
use self::layout::Layout;

/// Writes one file of a release.
#[derive(Debug, Parser)]
struct Cli {
    /// The file to write.
    #[arg(long, global = true, default_value = "out")]
    out: PathBuf,
    /// The time of everything in it, in seconds since 1970: that of the commit.
    #[arg(long, global = true, default_value_t = 0)]
    time: u64,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An image layout with the image of one platform.
    Image(ImageArguments),
    /// One image for all platforms, of the image layouts of each.
    Join { layouts: Vec<PathBuf> },
    /// A compressed archive of files and directories, each given as `PATH-IN-IT=FILE`.
    Archive { entries: Vec<String> },
    /// A compressed archive of the JSON schemas of these definitions.
    Schemas { definitions: Vec<PathBuf> },
}

#[derive(Args, Debug)]
struct ImageArguments {
    #[arg(long)]
    binary: PathBuf,
    #[arg(long)]
    licence: PathBuf,
    #[arg(long)]
    name: String,
    #[arg(long)]
    version: String,
    #[arg(long)]
    architecture: String,
    #[arg(long)]
    revision: String,
}

fn main() -> Result<()> {
    let Cli { out, time, what } = Cli::parse();
    let content = match what {
        What::Image(given) => {
            let about = About {
                name: &given.name,
                version: &given.version,
                architecture: &given.architecture,
                revision: &given.revision,
                time,
            };
            let layout = image::image(&about, &given.binary, &given.licence)?;
            layout.archive().tar(time)?
        }
        What::Join { layouts } => {
            let layouts = layouts.iter().map(|path| Layout::read(&read(path)?));
            let joined = Layout::joined(layouts.collect::<Result<_>>()?)?;
            joined.archive().tar(time)?
        }
        What::Archive { entries } => gzip(&archived(&entries)?.tar(time)?)?,
        What::Schemas { definitions } => {
            let mut archive = Archive::default();
            for definition in definitions {
                let definition = fs::read_to_string(&definition)
                    .with_context(|| definition.display().to_string())?;
                for (path, schema) in schemas::schemas(&definition)? {
                    archive.file(path, schema, 0o644);
                }
            }
            gzip(&archive.tar(time)?)?
        }
    };
    fs::write(&out, content).with_context(|| out.display().to_string())
}

fn archived(entries: &[String]) -> Result<Archive> {
    let mut archive = Archive::default();
    for entry in entries {
        let Some((path, file)) = entry.split_once('=') else {
            bail!("{entry} is no PATH-IN-IT=FILE");
        };
        archive.add(path, Path::new(file))?;
    }
    Ok(archive)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
