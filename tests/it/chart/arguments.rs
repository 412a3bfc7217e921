//! The options that the chart gives to the operator.

use std::collections::BTreeSet;

use bindery::cli::Cli;
use clap::CommandFactory as _;

use crate::support::chart::{manifest, object, parsed};

/// The operator's arguments in the namespace `tools`.
fn arguments(values: &str) -> Vec<String> {
    let objects = parsed(&manifest("tools", values).unwrap());
    let deployment = object(&objects, "Deployment", "bindery").unwrap();
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    serde_json::from_value(arguments).unwrap()
}

/// Promise: `true` is for all servers that may be called.
#[test]
fn plain_http_can_be_allowed_to_every_server() {
    let arguments = arguments("operator.allowHttp=true");
    assert!(
        arguments.contains(&"--allow-http".to_owned()),
        "{arguments:?}"
    );
}

/// Every option of `bindery run`, as the chart gives it for [`ALL_OPTIONS`].
const GIVEN: [&str; 22] = [
    "--namespaces=payments,platform",
    "--allowed-hosts=bitbucket.example.com:7990,*.sonar.example.com",
    "--denied-hosts=10.96.0.0/12,*.svc",
    "--require-secret-hosts",
    "--allow-http=sonarqube.sonarqube.svc:9000,10.0.0.0/8",
    "--allow-project-deletion",
    "--minimum-interval=24h",
    "--reconcile-timeout=1h30m",
    "--lease-duration=30s",
    "--concurrency=3",
    "--sonarqube-concurrency=4",
    "--sonarqube-rate=100000",
    "--sonarqube-burst=5",
    "--bitbucket-concurrency=6",
    "--bitbucket-rate=7",
    "--bitbucket-burst=60",
    "--listen=[::]:9090",
    "--metrics-listen=[::]:8443",
    "--metrics-tls=/etc/bindery/metrics-tls",
    "--metrics-authentication",
    "--log=info,bindery=debug",
    "--log-format=text",
];

const ALL_OPTIONS: &str = r#"namespaces=["payments","platform"],operator={
    "allowedHosts": ["bitbucket.example.com:7990", "*.sonar.example.com"],
    "deniedHosts": ["10.96.0.0/12", "*.svc"],
    "requireSecretHosts": true,
    "allowHttp": ["sonarqube.sonarqube.svc:9000", "10.0.0.0/8"],
    "allowProjectDeletion": true,
    "minimumInterval": "24h",
    "reconcileTimeout": "1h30m",
    "leaseDuration": "30s",
    "concurrency": 3,
    "sonarqubeConcurrency": 4,
    "sonarqubeRate": 100000,
    "sonarqubeBurst": 5,
    "bitbucketConcurrency": 6,
    "bitbucketRate": 7,
    "bitbucketBurst": 60,
    "listen": "[::]:9090",
    "metricsListen": "[::]:8443",
    "metricsTlsSecret": "metrics-tls",
    "metricsAuthentication": true,
    "log": "info,bindery=debug",
    "logFormat": "text"
}"#;

/// Promise: the chart has a value for every option, and what it gives the operator understands.
#[test]
fn every_option_reaches_the_operator() {
    let arguments = arguments(ALL_OPTIONS);
    assert_eq!(arguments[0], "run");
    assert_eq!(arguments[1..], GIVEN);
    let given = GIVEN.map(|argument| argument.split('=').next().unwrap().to_owned());
    let mut options = options_of_run();
    // The pod's own namespace and account, which are the defaults.
    assert!(options.remove("--lease-namespace"));
    assert!(options.remove("--service-account"));
    assert_eq!(BTreeSet::from(given), options);
    let command_line = std::iter::once("bindery".to_owned()).chain(arguments);
    Cli::command().try_get_matches_from(command_line).unwrap();
}

fn options_of_run() -> BTreeSet<String> {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    run.get_arguments()
        .map(|argument| format!("--{}", argument.get_long().unwrap()))
        .collect()
}
