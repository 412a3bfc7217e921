//! What both programs do: they print the URL of a server when it is ready, and run it until SIGTERM or SIGINT.

use std::{
    error::Error,
    io::{self, Write as _},
    ops::Deref,
    process::ExitCode,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::Running;

/// Starts a server and runs it to its end. A failure is printed with all of its causes, after the program's name.
pub async fn run<S, E>(name: &str, start: impl Future<Output = Result<S, E>>) -> ExitCode
where
    S: Deref<Target = Running>,
    E: Error + 'static,
{
    let Err(failure) = until_stopped(start).await else {
        return ExitCode::SUCCESS;
    };
    let mut source: Option<&dyn Error> = Some(&*failure);
    while let Some(error) = source {
        eprintln!("{name}: {error}");
        source = error.source();
    }
    ExitCode::FAILURE
}

async fn until_stopped<S, E>(
    start: impl Future<Output = Result<S, E>>,
) -> Result<(), Box<dyn Error>>
where
    S: Deref<Target = Running>,
    E: Error + 'static,
{
    let mut terminated = signal(SignalKind::terminate()).map_err(System)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(System)?;
    let server = start.await?;
    let url = server.url();
    writeln!(io::stdout(), "{}", url.as_str().trim_end_matches('/')).map_err(System)?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("failed to listen for signals or to print the URL")]
struct System(#[source] io::Error);
