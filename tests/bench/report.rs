//! The results: a JSON file, a table, and the page of the guide that is made from them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::charts;
use super::fifty::Fifty;
use super::run::Run;
use super::table;

/// What begins and ends the measured part of the guide's page.
const BEGIN: &str = "<!-- measured: make bench-report writes this -->\n";
const END: &str = "<!-- end of what was measured -->";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    /// The day of the run.
    pub(crate) date: String,
    /// The model of the processors.
    pub(crate) machine: String,
    pub(crate) processors: usize,
    pub(crate) latency_milliseconds: u64,
    pub(crate) runs: Vec<Run>,
    pub(crate) fifty_connections: Option<Fifty>,
}

impl Default for Results {
    #[expect(
        clippy::disallowed_methods,
        reason = "the day of the run stands beside its results"
    )]
    fn default() -> Self {
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: machine(),
            processors: std::thread::available_parallelism().unwrap().get(),
            latency_milliseconds: 10,
            runs: Vec::new(),
            fifty_connections: None,
        }
    }
}

/// What Linux says about the processors.
fn machine() -> String {
    let all = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = all.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(':').nth(1));
    model.map_or_else(|| "unknown".to_owned(), |model| model.trim().to_owned())
}

impl Results {
    /// What an earlier run has written.
    pub(crate) fn read(json: &Path) -> Self {
        let text = std::fs::read_to_string(json).expect("run `make bench` first");
        serde_json::from_str(&text).unwrap()
    }

    /// Adds a run, in place of an earlier one of the same size.
    pub(crate) fn add(&mut self, run: Run) {
        self.runs.retain(|earlier| earlier.bindings != run.bindings);
        self.runs.push(run);
        self.runs.sort_by_key(|run| run.bindings);
    }

    pub(crate) fn write(&self, json: &Path) {
        let directory = json.parent().unwrap();
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(json, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
        println!("written: {}", json.display());
    }

    pub(crate) fn print(&self) {
        println!("\n{}", table::markdown(&self.runs));
        if let Some(fifty) = &self.fifty_connections {
            println!("{}", fifty.sentence());
        }
    }

    /// Writes the measured part of the guide's page, the charts that it shows, and the JSON that both are made from.
    pub(crate) fn write_page(&self, guide: &Path) {
        let page = guide.join("cost.md");
        let before = std::fs::read_to_string(&page).unwrap();
        let (head, rest) = before.split_once(BEGIN).unwrap();
        let (_stale, tail) = rest.split_once(END).unwrap();
        let measured = self.measured();
        std::fs::write(&page, format!("{head}{BEGIN}{measured}{END}{tail}")).unwrap();
        charts::draw(&self.runs, guide);
        self.write(&guide.join("cost.json"));
    }

    fn measured(&self) -> String {
        let Self {
            date,
            machine,
            processors,
            latency_milliseconds: latency,
            ..
        } = self;
        let mut text = format!(
            "Measured on {date}: {processors} processors ({machine}) for everything, the API server and the simulated\n\
             servers included. Each answer of the simulated servers takes {latency} ms.\n\n{}\n",
            table::markdown(&self.runs)
        );
        if let Some(fifty) = &self.fifty_connections {
            text += &fifty.sentence();
            text += "\n\n";
        }
        text += "![Seconds to create bindings](cost-create.svg)\n\n![Resident memory](cost-memory.svg)\n\n\
                 All numbers, by route and verb: [cost.json](cost.json).\n";
        text
    }
}
