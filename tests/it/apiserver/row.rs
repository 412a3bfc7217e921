//! Tables of what is accepted and what is refused.

use serde_json::{Value, json};

use super::cluster::Cluster;

/// One change of an object that is accepted as it is, and the answer to it.
pub(super) struct Row {
    pub(super) case: &'static str,
    /// Merged into the object (RFC 7386: null removes).
    pub(super) change: Value,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Accepted,
    /// With these words in the message.
    Refused(&'static str),
}

/// A change of the spec.
pub(super) fn spec(change: Value) -> Value {
    json!({ "spec": change })
}

pub(super) fn accepted(case: &'static str, change: Value) -> Row {
    Row {
        case,
        change,
        answer: Answer::Accepted,
    }
}

pub(super) fn refused(case: &'static str, change: Value, words: &'static str) -> Row {
    Row {
        case,
        change,
        answer: Answer::Refused(words),
    }
}

/// Tries every row and shows all that are not answered as they say.
pub(super) async fn check(object: &Value, rows: Vec<Row>) {
    let cluster = Cluster::connect().await;
    cluster
        .admit(object)
        .await
        .expect("the object of the table is itself accepted");
    let mut wrong = Vec::new();
    for row in rows {
        let mut changed = object.clone();
        merge(&mut changed, &row.change);
        wrong.extend(row.objection(&cluster.admit(&changed).await));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Row {
    pub(super) fn objection(&self, answer: &Result<Value, String>) -> Option<String> {
        match (&self.answer, answer) {
            (Answer::Accepted, Ok(_)) => None,
            (Answer::Refused(words), Err(message)) if message.contains(words) => None,
            (Answer::Accepted, Err(message)) => Some(format!("{}: refused: {message}", self.case)),
            (Answer::Refused(words), Err(message)) => {
                Some(format!("{}: not '{words}' but: {message}", self.case))
            }
            (Answer::Refused(_), Ok(_)) => Some(format!("{}: accepted", self.case)),
        }
    }
}

fn merge(target: &mut Value, change: &Value) {
    let Value::Object(changes) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let fields = target.as_object_mut().unwrap();
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}
