//! What kubectl shows of a binding that is well and of one that is not, as the guide has it.

use regex::Regex;
use serde_json::json;

use super::with_a_refused_binding;
use crate::support::examples::commands;
use crate::support::server::{Server, simulated};

simulated!(kubectl_shows_bindings_as_the_guide_does);

const PAGE: &str = "docs/guide/troubleshooting.md";

/// What differs from run to run, each with what the guide has in its place.
const DIFFERING: [(&str, &str); 6] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-27T09:00:00Z"),
    (
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "0a64f1d2-55c1-4f0e-9d0b-6a1f2f8e7c11",
    ),
    (r"(Resource Version: +)\d+", "${1}4711"),
    (r"(Server Id: +)\S+", "${1}9CFC3560-AZ1k"),
    (r"http://127\.0\.0\.1:\d+", "https://server.example.com"),
    (r"\b\d+s\b", "5s"),
];

/// The text as the guide has it, and with columns of one width.
fn normal(text: &str) -> (String, String) {
    let fixed = DIFFERING
        .iter()
        .fold(text.to_owned(), |text, (found, fixed)| {
            Regex::new(found)
                .unwrap()
                .replace_all(&text, *fixed)
                .into_owned()
        });
    let fixed: Vec<_> = fixed.trim().lines().map(str::trim_end).collect();
    let fixed = fixed.join("\n");
    let spaces = Regex::new(" {2,}").unwrap();
    let narrow = spaces.replace_all(&fixed, "  ").into_owned();
    (fixed, narrow)
}

/// Promise: the guide shows what a person sees.
async fn kubectl_shows_bindings_as_the_guide_does(server: Server) {
    let env = with_a_refused_binding(server, json!({})).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.binding_is("payments", "checkout", ("DecorationReady", "False"))
        .await;
    let shown = commands(PAGE).into_iter();
    let shown: Vec<_> = shown.filter(|it| !it.output.is_empty()).collect();
    assert_eq!(shown.len(), 3, "commands of {PAGE} that show an output");
    let mut stale = Vec::new();
    for shown in shown {
        let (printed, narrow) = normal(&env.kubectl(&shown.arguments()));
        if normal(&shown.output).1 != narrow {
            stale.push(format!("$ {}\n{printed}\n", shown.command));
        }
    }
    let stale = stale.join("\n");
    assert!(stale.is_empty(), "{PAGE} shows something else:\n{stale}");
}
