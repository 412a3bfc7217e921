//! A simulated Bitbucket to run by hand. Prints its URL when it is ready and runs until SIGTERM or SIGINT.
//! What is posted under `/-/` changes it while it runs.

use std::{
    fs, io,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use simulators::bitbucket::{Bitbucket, Change, DEMO, Permission, Profile, Role, World};
use simulators::program;

/// How to steer it, for `--help`.
const CONTROL: &str = r#"While it runs:
  curl URL/-/calls                  shows the call log (DELETE empties it)
  curl URL/-/changes -d CHANGE      changes the world; a list makes several changes
    {"do":"token","user":"ci","token":"…","permissions":["REPO_READ"],"expiresInDays":1}
    {"do":"revoke-token","token":"…"}
    {"do":"grant","user":"ci","project":"PAY","right":"write"}
    {"do":"repository","project":"PAY","name":"new","branches":["main"],"archived":false}
    {"do":"rename-repository","project":"PAY","repository":"new","name":"newer"}
    {"do":"move-repository","project":"PAY","repository":"newer","to":"OPS"}
    {"do":"delete-repository","project":"OPS","repository":"newer"}
    {"do":"settings","settings":{"serverState":"MAINTENANCE"}}
    {"do":"advance","seconds":86400}
  curl URL/-/faults -d FAULT        lets requests fail (DELETE ends all faults)
    {"at":"branches","effect":{"answer":{"status":502,"body":"<html>"}},"times":2}
    {"at":"PUT /rest/insights/*","effect":"commit-then-drop"}
    {"at":"repository","with":["name","checkout"],"effect":{"commit-then-answer":{"status":500}}}
    {"at":"*","caller":"sonarqube","delayMilliseconds":5000}    before anything is done
    {"at":"*","answerDelayMilliseconds":5000}                   after it is done
    {"at":"branches","times":2}                                 nothing for two times: what follows hits the third"#;

/// A simulated Bitbucket Server / Data Center on loopback.
///
/// Prints its URL when it is ready, and stops on SIGTERM or SIGINT.
#[derive(Parser)]
#[command(version, after_help = CONTROL)]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 7990)]
    port: u16,
    /// The version: 5.15, 6.10, 7.6, 7.21, 8.9, 8.19, 9.4 or 10.2.
    #[arg(long, default_value = "9.4")]
    profile: Profile,
    /// A context path such as /bitbucket.
    #[arg(long, default_value = "")]
    context_path: String,
    /// `demo`, `empty`, or a JSON file with a list of changes.
    #[arg(long, default_value = "demo")]
    world: String,
    /// A token that may write to every repository.
    #[arg(long, env = "BITBUCKET_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A token that may read every repository.
    #[arg(long, env = "BITBUCKET_READ_TOKEN", hide_env_values = true)]
    read_token: Option<String>,
}

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("failed to read the world from {path}")]
    World {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("failed to understand the world; it must be a JSON list of changes")]
    Changes(#[source] serde_json::Error),
    #[error("failed to make the world")]
    Refused(#[source] simulators::bitbucket::WorldError),
    #[error("failed to start")]
    Start(#[source] simulators::bitbucket::StartError),
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("bitbucket-simulator", start(Arguments::parse())).await
}

async fn start(arguments: Arguments) -> Result<Bitbucket, Failure> {
    let Arguments {
        port,
        profile,
        context_path,
        ..
    } = &arguments;
    let bitbucket = Bitbucket::start_live(*profile, context_path, *port)
        .await
        .map_err(Failure::Start)?;
    bitbucket.world(|world| furnish(world, &arguments))?;
    Ok(bitbucket)
}

fn furnish(world: &mut World, arguments: &Arguments) -> Result<(), Failure> {
    world.set_now(epoch_milliseconds());
    for change in changes(&arguments.world)? {
        world.apply(change).map_err(Failure::Refused)?;
    }
    let given = [
        (
            &arguments.token,
            "writer",
            [Permission::ProjectWrite, Permission::RepoWrite],
        ),
        (
            &arguments.read_token,
            "reader",
            [Permission::ProjectRead, Permission::RepoRead],
        ),
    ];
    for (token, user, permissions) in given {
        if let Some(token) = token {
            // Sees what is created later too; the token's permissions keep it from more.
            world.user(user).role = Role::Administrator;
            world.token(token, user, &permissions);
        }
    }
    Ok(())
}

fn changes(world: &str) -> Result<Vec<Change>, Failure> {
    let text = match world {
        "demo" => DEMO.to_owned(),
        "empty" => "[]".to_owned(),
        path => fs::read_to_string(path).map_err(|source| Failure::World {
            path: path.to_owned(),
            source,
        })?,
    };
    serde_json::from_str(&text).map_err(Failure::Changes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulator's clock is set"
)]
fn epoch_milliseconds() -> i64 {
    let passed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or_default()
}
