//! A simulated SonarQube to run by hand. Prints its URL when it is ready and runs until SIGTERM or SIGINT.
//! It is changed over its API, as the real one; what is posted under `/-/` lets it fail, restart, or live another day.

use std::process::ExitCode;

use clap::Parser;
use simulators::program;
use simulators::sonarqube::{Profile, SonarQube};

/// How to steer it, for `--help`.
const CONTROL: &str = r#"While it runs:
  curl URL/-/calls                  shows the call log (DELETE empties it)
  curl URL/-/faults -d FAULT        lets requests fail (DELETE ends all faults)
    {"at":"/api/v2/*","effect":{"answer":{"status":503,"body":"<html>"}},"times":2}
    {"at":"PUT /api/v2/dop-translation/bound-projects","effect":"commit-then-drop"}
    {"at":"*/projects/create","with":["project","PAY:checkout"],"effect":{"commit-then-answer":{"status":500}}}
    {"at":"*","delayMilliseconds":5000}             before anything is done; the rest is done whoever waits for it
    {"at":"*","answerDelayMilliseconds":5000}       after it is done
    {"at":"*/set_pat","times":2}                    nothing for two times: what follows hits the third
  curl URL/-/phase -d '"starting"'  holds it in a phase of its start: up, restarting, away, starting,
                                    starting-second-api, starting-unauthenticated,
                                    migration-needed, migration-running, migration-failed
  curl URL/-/today -d '"2027-02-01"'  makes it another day: at first it is 2027-01-15, and by it tokens expire
Everything else is changed by SonarQube's own API; it has a user `admin` and a user `bindery`, who has Administer
System and Create Projects."#;

/// A simulated SonarQube server on loopback.
///
/// Prints its URL when it is ready, and stops on SIGTERM or SIGINT.
#[derive(Parser)]
#[command(version, after_help = CONTROL)]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The version, from 8.9 to 26.9, and the edition unless it is Community: 26.9, 25.1-branch-plugin, 9.9-developer.
    #[arg(long, default_value = "26.9")]
    profile: Profile,
    /// A context path such as /sonarqube.
    #[arg(long, default_value = "")]
    context_path: String,
    /// A token of `admin`.
    #[arg(long, env = "SONARQUBE_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: String,
    /// A token of `bindery`.
    #[arg(long, env = "SONARQUBE_TOKEN", hide_env_values = true)]
    token: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("sonarqube-simulator", start(Arguments::parse())).await
}

async fn start(arguments: Arguments) -> Result<SonarQube, Failure> {
    let Arguments {
        port,
        profile,
        context_path,
        admin_token,
        token,
    } = &arguments;
    let sonarqube = SonarQube::start_live(*profile, context_path, *port)
        .await
        .map_err(Failure)?;
    sonarqube.world(|world| world.set_up(admin_token, token));
    Ok(sonarqube)
}

/// Why the program ends with an error.
#[derive(Debug, thiserror::Error)]
#[error("failed to start")]
struct Failure(#[source] simulators::sonarqube::StartError);
