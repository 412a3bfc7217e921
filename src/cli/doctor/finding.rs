//! What a doctor finds, and how it is printed.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::paint::Paint;
use crate::cli::program::Program;
use crate::plan::counted;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) about: String,
    /// What is wrong.
    pub(super) what: String,
    /// What corrects it.
    pub(super) mend: Mend,
}

/// What corrects something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// This command.
    Command(String),
    /// The same, after something that no command does.
    After(String, String),
    /// What is wrong says what to do.
    AsSaid,
    /// Something that no command does.
    Advice(String),
}

/// All that a doctor found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// The name that printed commands begin with.
    pub(super) program: Program,
    /// What is well.
    pub(super) well: Vec<String>,
    /// What is wrong.
    pub(super) wrong: Vec<Finding>,
}

impl Report {
    /// Nothing was found yet.
    pub(super) fn by(program: Program) -> Self {
        Self {
            program,
            ..Self::default()
        }
    }

    /// The exit status.
    pub(super) fn status(&self) -> u8 {
        u8::from(!self.wrong.is_empty())
    }

    /// For people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        for well in &self.well {
            let _ = writeln!(text, "{} {well}", paint.green("✔"));
        }
        for Finding { about, what, mend } in &self.wrong {
            let _ = writeln!(text, "{} {about}: {what}", paint.red("✘"));
            let mend = match mend {
                Mend::Command(command) => command.clone(),
                Mend::After(before, command) => format!("{before}, then: {command}"),
                Mend::Advice(advice) => advice.clone(),
                Mend::AsSaid => continue,
            };
            let _ = writeln!(text, "  → {mend}");
        }
        let count = match self.wrong.len() {
            0 => "nothing is wrong".to_owned(),
            count => counted(count, "problem", "problems"),
        };
        let _ = writeln!(text, "{count}");
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let wrong = self.wrong.iter().map(|finding| {
            let (command, advice) = match &finding.mend {
                Mend::Command(command) => (Some(command), None),
                Mend::After(before, command) => (Some(command), Some(before)),
                Mend::Advice(advice) => (None, Some(advice)),
                Mend::AsSaid => (None, None),
            };
            json!({
                "about": finding.about, "problem": finding.what,
                "command": command, "advice": advice,
            })
        });
        json!({"well": self.well, "problems": wrong.collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_followed_by_what_corrects_it() {
        let finding = |what: &str, mend| Finding {
            about: "platform/bitbucket".to_owned(),
            what: what.to_owned(),
            mend,
        };
        let mut report = Report {
            well: vec!["Kubernetes 1.34".to_owned()],
            ..Report::default()
        };
        assert_eq!(report.status(), 0);
        assert_eq!(
            report.text(Paint::Plain),
            "✔ Kubernetes 1.34\nnothing is wrong\n"
        );
        let after = Mend::After("save a token".to_owned(), "kubectl b".to_owned());
        report.wrong = vec![
            finding("a", Mend::Command("kubectl a".to_owned())),
            finding("b", after),
            finding("c", Mend::AsSaid),
        ];
        assert_eq!(report.status(), 1);
        let text = "✔ Kubernetes 1.34\n\
                    ✘ platform/bitbucket: a\n  → kubectl a\n\
                    ✘ platform/bitbucket: b\n  → save a token, then: kubectl b\n\
                    ✘ platform/bitbucket: c\n3 problems\n";
        assert_eq!(report.text(Paint::Plain), text);
        assert_eq!(report.json()["problems"][1]["command"], "kubectl b");
    }
}
