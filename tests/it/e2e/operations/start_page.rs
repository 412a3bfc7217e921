//! The first page of the guide, as a new user follows it.

use crate::e2e::environment::Stage;
use crate::support::examples::{lines, shown};
use crate::support::parts::kustomize;
use crate::support::server::{Server, simulated};

simulated!(the_first_page_shows_what_kubectl_prints);

/// Promise: the samples and commands of the page give the outputs that it shows, except ages.
async fn the_first_page_shows_what_kubectl_prints(server: Server) {
    let stage = Stage::set(server).await;
    let bitbucket = stage.bitbucket.url();
    let samples = kustomize("deploy/samples")
        .replace(
            "https://bitbucket.example.com",
            bitbucket.as_str().trim_end_matches('/'),
        )
        .replace("https://sonarqube.example.com", &stage.sonarqube.url);
    let file = stage.directory.join("samples.yaml");
    std::fs::write(&file, samples).unwrap();
    let path = file.to_str().unwrap();
    stage.kubectl(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "--filename",
        path,
    ]);

    let wait = shown("kubectl wait");
    assert_eq!(lines(&prints(&stage, &wait.arguments)), lines(&wait.output));

    stage.counted(2).await;
    let get = shown("kubectl get");
    let told = prints(&stage, &get.arguments);
    assert_eq!(without_ages(&told), without_ages(&get.output));
}

fn prints(stage: &Stage, arguments: &[String]) -> String {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    stage.kubectl(&arguments)
}

/// A table without its last column, AGE.
fn without_ages(table: &str) -> Vec<&str> {
    let lines = lines(table).into_iter();
    lines
        .map(|line| {
            line.rsplit_once(' ')
                .map_or(line, |(rest, _age)| rest.trim_end())
        })
        .collect()
}
