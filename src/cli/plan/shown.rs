//! A plan as people and machines read it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::paint::Paint;
use crate::controller::Forecast;
use crate::plan::foreseen::{Action, Foreseen};
use crate::plan::{Blocked, Difference, counted};

/// What comes of an object, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Import,
    Create,
    Adopt,
    Bind,
    Change,
    Differs,
    Refused,
    Failed,
    Waits,
    Suspended,
    Leaves,
    Unchanged,
}

impl Outcome {
    fn of(foreseen: &Foreseen) -> Self {
        match foreseen {
            Foreseen::Unchanged => Self::Unchanged,
            Foreseen::Suspended => Self::Suspended,
            Foreseen::Leaves => Self::Leaves,
            Foreseen::Acts(actions) => {
                let all = actions.iter().map(Self::of_action);
                all.min().unwrap_or(Self::Unchanged)
            }
            Foreseen::Differs(_) => Self::Differs,
            Foreseen::Refused(_) => Self::Refused,
            Foreseen::Waits(_) => Self::Waits,
            Foreseen::Failed(_) => Self::Failed,
        }
    }

    fn of_action(action: &Action) -> Self {
        match action {
            Action::Import { .. } => Self::Import,
            Action::CreateConfiguration(..) | Action::CreateBinding { .. } => Self::Create,
            Action::Adopt { .. }
            | Action::AdoptConfiguration(_)
            | Action::ReferToConfiguration(_) => Self::Adopt,
            Action::Bind { .. } => Self::Bind,
            Action::Grant(_)
            | Action::Change(_)
            | Action::GiveToken { .. }
            | Action::UpdateBinding { .. } => Self::Change,
        }
    }

    /// In the text and in Markdown.
    fn sign(self) -> &'static str {
        match self {
            Self::Import | Self::Create => "+",
            Self::Adopt | Self::Bind | Self::Change => "~",
            Self::Differs => "=",
            Self::Refused => "!",
            Self::Failed => "?",
            Self::Waits | Self::Suspended | Self::Leaves | Self::Unchanged => " ",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Bind => "bind",
            Self::Change => "change",
            Self::Differs => "differs",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Waits => "waits",
            Self::Suspended => "suspended",
            Self::Leaves => "leaves",
            Self::Unchanged => "unchanged",
        }
    }

    /// How a count of them is said.
    fn counted(self, count: usize) -> String {
        match self {
            Self::Import | Self::Create | Self::Adopt | Self::Bind | Self::Change => {
                format!("{count} to {}", self.word())
            }
            Self::Differs => format!("{count} not corrected (Observe)"),
            Self::Waits => counted(
                count,
                "waiting for its connection",
                "waiting for their connection",
            ),
            Self::Leaves => format!("{count} being deleted"),
            Self::Refused | Self::Failed | Self::Suspended | Self::Unchanged => {
                format!("{count} {}", self.word())
            }
        }
    }

    fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Import | Self::Create => paint.green(text),
            Self::Adopt | Self::Bind | Self::Change | Self::Differs => paint.yellow(text),
            Self::Refused | Self::Failed => paint.red(text),
            Self::Waits | Self::Suspended | Self::Leaves | Self::Unchanged => text.to_owned(),
        }
    }
}

/// A plan, and what it cost.
pub(super) struct Shown<'a> {
    pub(super) forecasts: &'a [Forecast],
    /// Calls to SonarQube and Bitbucket.
    pub(super) calls: u64,
}

impl Shown<'_> {
    /// The exit status: `1` if something failed, `3` if something is refused, `2` if something changes.
    pub(super) fn status(&self) -> u8 {
        let all = self.forecasts.iter();
        let ranks = all.map(|forecast| match Outcome::of(&forecast.foreseen) {
            Outcome::Failed => (3, 1),
            Outcome::Refused => (2, 3),
            Outcome::Import
            | Outcome::Create
            | Outcome::Adopt
            | Outcome::Bind
            | Outcome::Change => (1, 2),
            Outcome::Differs
            | Outcome::Waits
            | Outcome::Suspended
            | Outcome::Leaves
            | Outcome::Unchanged => (0, 0),
        });
        ranks.max().map_or(0, |(_, status)| status)
    }

    fn counts(&self) -> BTreeMap<Outcome, usize> {
        let mut counts = BTreeMap::new();
        for forecast in self.forecasts {
            *counts.entry(Outcome::of(&forecast.foreseen)).or_default() += 1;
        }
        counts
    }

    fn summary(&self) -> String {
        let counts = self.counts().into_iter();
        let counts: Vec<_> = counts
            .map(|(outcome, count)| outcome.counted(count))
            .collect();
        let counts = if counts.is_empty() {
            "nothing to plan".to_owned()
        } else {
            counts.join(", ")
        };
        format!("{counts} ({})", counted(self.calls, "call", "calls"))
    }

    /// The forecasts that have something to say.
    fn news(&self) -> impl Iterator<Item = (Outcome, &Forecast)> {
        let all = self.forecasts.iter();
        let outcomes = all.map(|forecast| (Outcome::of(&forecast.foreseen), forecast));
        outcomes.filter(|(outcome, _)| !matches!(outcome, Outcome::Unchanged | Outcome::Waits))
    }

    /// For people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let name = |it: &Forecast| format!("{} {}/{}", it.kind, it.namespace, it.name);
        let width = self.news().map(|(_, it)| name(it).chars().count()).max();
        let width = width.unwrap_or_default();
        let mut text = String::new();
        for (outcome, forecast) in self.news() {
            let mut head = format!("{} {:width$}", outcome.sign(), name(forecast));
            for line in lines(&forecast.foreseen) {
                let painted = outcome.paint(paint, &head);
                let _ = writeln!(text, "{painted}  {line}");
                head = " ".repeat(width + 2);
            }
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// For a comment on a pull request.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("**bindery plan**: {}\n", self.summary());
        let mut news = self.news().peekable();
        if news.peek().is_none() {
            return text;
        }
        text.push_str("\n| | object | what happens |\n| --- | --- | --- |\n");
        for (outcome, forecast) in news {
            let Forecast {
                kind,
                namespace,
                name,
                foreseen,
                troubles: _,
            } = forecast;
            let lines: Vec<_> = lines(foreseen).iter().map(|line| cell(line)).collect();
            let (sign, lines) = (outcome.sign(), lines.join("<br>"));
            let _ = writeln!(text, "| `{sign}` | {kind} {namespace}/{name} | {lines} |");
        }
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let objects: Vec<_> = self.forecasts.iter().map(object).collect();
        let counts = self.counts().into_iter();
        let counts: BTreeMap<_, _> = counts
            .map(|(outcome, count)| (outcome.word(), count))
            .collect();
        json!({"objects": objects, "summary": counts, "calls": self.calls})
    }
}

fn object(forecast: &Forecast) -> Value {
    let Forecast {
        kind,
        namespace,
        name,
        foreseen,
        troubles: _,
    } = forecast;
    let mut object = json!({
        "kind": kind, "namespace": namespace, "name": name,
        "outcome": Outcome::of(foreseen).word(),
    });
    match foreseen {
        Foreseen::Acts(actions) => {
            object["actions"] = actions.iter().map(action_json).collect();
        }
        Foreseen::Differs(differences) => {
            object["differences"] = differences.iter().map(difference_json).collect();
        }
        Foreseen::Refused(Blocked { reason, message })
        | Foreseen::Waits(Blocked { reason, message })
        | Foreseen::Failed(Blocked { reason, message }) => {
            object["reason"] = json!(reason.as_str());
            object["message"] = json!(message);
        }
        Foreseen::Unchanged | Foreseen::Suspended | Foreseen::Leaves => {}
    }
    object
}

fn difference_json(difference: &Difference) -> Value {
    let Difference {
        field,
        desired,
        observed,
    } = difference;
    json!({"field": field, "from": observed, "to": desired})
}

fn action_json(action: &Action) -> Value {
    let word = Outcome::of_action(action).word();
    match action {
        Action::Import { repository, key } | Action::Adopt { repository, key } => {
            json!({"action": word, "repository": repository.to_string(), "project": key.as_str()})
        }
        Action::Bind {
            repository,
            key,
            from,
        } => {
            json!({"action": word, "repository": repository.to_string(), "project": key.as_str(), "from": from})
        }
        Action::CreateBinding { name, repository } => {
            json!({"action": "create", "binding": name, "repository": repository.to_string()})
        }
        Action::UpdateBinding { name } => json!({"action": "update", "binding": name}),
        Action::Grant(key) => json!({"action": "grant", "project": key.as_str()}),
        Action::Change(difference) => {
            let mut change = difference_json(difference);
            change["action"] = json!(word);
            change
        }
        Action::CreateConfiguration(name, url) => {
            json!({"action": word, "configuration": name.as_str(), "url": url.as_str()})
        }
        Action::AdoptConfiguration(name) | Action::ReferToConfiguration(name) => {
            json!({"action": word, "configuration": name.as_str()})
        }
        Action::GiveToken {
            configuration,
            field,
        } => {
            json!({"action": "token", "configuration": configuration.as_str(), "field": field})
        }
    }
}

/// What is foreseen, in lines.
fn lines(foreseen: &Foreseen) -> Vec<String> {
    match foreseen {
        Foreseen::Unchanged => vec!["unchanged".to_owned()],
        Foreseen::Suspended => vec!["suspended".to_owned()],
        Foreseen::Leaves => vec!["being deleted".to_owned()],
        Foreseen::Acts(actions) => actions.iter().map(line).collect(),
        Foreseen::Differs(differences) => differences
            .iter()
            .map(|it| format!("{} (not corrected)", change(it)))
            .collect(),
        Foreseen::Refused(Blocked { reason, message })
        | Foreseen::Waits(Blocked { reason, message })
        | Foreseen::Failed(Blocked { reason, message }) => {
            vec![format!("{}: {message}", reason.as_str())]
        }
    }
}

fn change(difference: &Difference) -> String {
    let Difference {
        field,
        desired,
        observed,
    } = difference;
    format!("{field} {observed} → {desired}")
}

fn line(action: &Action) -> String {
    match action {
        Action::Import { repository, key } => format!("import {repository} as {key}"),
        Action::Adopt { repository, key } => format!("adopt {key}, bound to {repository}"),
        Action::Bind {
            repository,
            key,
            from,
        } => format!("bind {key}: repository {from} → {repository}"),
        Action::CreateBinding { name, repository } => {
            format!("create ProjectBinding {name} for {repository}")
        }
        Action::UpdateBinding { name } => format!("apply the template to ProjectBinding {name}"),
        Action::Grant(key) => format!("grant the operator's user Browse and Administer on {key}"),
        Action::Change(difference) => change(difference),
        Action::CreateConfiguration(name, url) => {
            format!("create configuration {name} ({url}) in SonarQube")
        }
        Action::AdoptConfiguration(name) => format!("adopt configuration {name} of SonarQube"),
        Action::ReferToConfiguration(name) => format!("use configuration {name} of SonarQube"),
        Action::GiveToken {
            configuration,
            field,
        } => format!("give configuration {configuration} the token of {field}"),
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
