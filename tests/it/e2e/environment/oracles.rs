//! The oracles: what must be so after a fault, whichever it was. Each is a function of plain data, and returns what is
//! wrong. [`tests`] gives each of them something bad.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::fault_proxy::Seen;
use super::snapshot::Done;

#[path = "oracles/tests.rs"]
mod tests;

/// O3: remote state and status are those of a run without the fault.
pub(crate) fn same_end(undisturbed: &Value, ended: &Value) -> Result<(), String> {
    if undisturbed == ended {
        return Ok(());
    }
    let mut different = Vec::new();
    differences("", undisturbed, ended, &mut different);
    Err(format!(
        "it ends otherwise than without the fault: {}",
        different.join("; ")
    ))
}

fn differences(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one
                .keys()
                .chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                differences(&format!("{path}/{name}"), &left[name], &right[name], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (left, right)) in one.iter().zip(other).enumerate() {
                differences(&format!("{path}/{index}"), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path} is {right} and not {left}")),
    }
}

/// O4: no repository has two projects. Given are the projects, each with the repository that it is bound to, or nothing.
pub(crate) fn one_project_each(projects: &[(String, String)]) -> Result<(), String> {
    let mut bound = BTreeMap::<_, Vec<_>>::new();
    for (key, repository) in projects
        .iter()
        .filter(|(_, repository)| !repository.is_empty())
    {
        bound.entry(repository).or_default().push(key);
    }
    let twice: Vec<_> = bound.iter().filter(|(_, keys)| keys.len() > 1).collect();
    if twice.is_empty() {
        Ok(())
    } else {
        Err(format!("repositories with two projects: {twice:?}"))
    }
}

/// O5: what belongs to others is as it was.
pub(crate) fn foreign_untouched(before: &Value, after: &Value) -> Result<(), String> {
    same_end(before, after).map_err(|problem| format!("foreign objects were touched: {problem}"))
}

/// What an operator did, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) operator: usize,
    /// Since any moment that is the same for all.
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It took or renewed the lease.
    Leads,
    /// It wrote something else.
    Writes,
}

/// The acts that a proxy has seen of one operator. A lease that was not granted gives nothing.
pub(crate) fn acts(operator: usize, seen: &[Seen], since: std::time::Instant) -> Vec<Act> {
    let acts = seen.iter().filter_map(|seen| {
        let is_lease = seen.method != "GET" && seen.target.contains("/leases");
        let is_granted = seen.status.is_some_and(|status| status < 300);
        let what = match (is_lease && is_granted, seen.is_write()) {
            (true, _) => What::Leads,
            (false, true) => What::Writes,
            (false, false) => return None,
        };
        let at = seen.at.saturating_duration_since(since);
        Some(Act { operator, at, what })
    });
    acts.collect()
}

/// No operator writes while it does not lead: its lease is younger than `lasts`, and no other one took it meanwhile.
pub(crate) fn one_writer(acts: &[Act], lasts: Duration) -> Result<(), String> {
    let mut acts = acts.to_vec();
    acts.sort_by_key(|act| act.at);
    let mut leader = None;
    for act in acts {
        match (act.what, leader) {
            (What::Leads, _) => leader = Some(act),
            (What::Writes, Some(lease))
                if lease.operator == act.operator && act.at < lease.at + lasts => {}
            (What::Writes, lease) => {
                return Err(format!(
                    "{act:?} is a write without the lease; the last one is {lease:?}"
                ));
            }
        }
    }
    Ok(())
}

/// O2: what is up to date is left alone, in Kubernetes and on the servers.
pub(crate) fn quiet(done: &Done) -> Result<(), String> {
    let is_quiet = done.status_writes == 0 && done.writes() == 0 && done.written.is_empty();
    if is_quiet {
        Ok(())
    } else {
        Err(format!("it is not quiet: {done:?}"))
    }
}

/// The times between the probes of a server that does not serve double from `first` to `longest`, a fifth more or less.
pub(crate) fn one_probe_per_back_off(
    probes: &[Duration],
    (first, longest): (Duration, Duration),
) -> Result<(), String> {
    let mut least = first;
    for pair in probes.windows(2) {
        let pause = pair[1].saturating_sub(pair[0]);
        if pause < least.mul_f64(0.8) {
            return Err(format!(
                "a probe after {pause:?}, and not after {least:?}: {probes:?}"
            ));
        }
        least = (2 * least).min(longest);
    }
    Ok(())
}

/// A server that is back is asked by one call at first, and by one more with each answer. Given are the calls in progress
/// at the beginning of each call.
pub(crate) fn ramp(at_once: &[usize]) -> Result<(), String> {
    let begun = at_once.iter().enumerate();
    match begun.clone().find(|(calls, at_once)| **at_once > calls + 1) {
        None => Ok(()),
        Some((calls, at_once)) => Err(format!("{at_once} calls at once after {calls} calls")),
    }
}

/// O8: memory is back to where it was before the fault, in MB.
pub(crate) fn memory_back(before: f64, after: f64, margin: f64) -> Result<(), String> {
    if after <= before + margin {
        Ok(())
    } else {
        Err(format!("{after} MB and not {before} MB"))
    }
}

/// A status without what differs from one run to the next, and with these texts replaced.
pub(crate) fn without_what_differs(state: &Value, replaced: &[(&str, &str)]) -> Value {
    let mut state = state.clone();
    scrub(&mut state);
    let mut text = state.to_string();
    for (found, name) in replaced {
        text = text.replace(found, name);
    }
    serde_json::from_str(&text).unwrap()
}

/// Times, versions, counts, and ids that a server chooses.
const CHOSEN: [&str; 10] = [
    "lastTransitionTime",
    "resourceVersion",
    "id",
    "uuid",
    "configurationId",
    "lastAnalysisDate",
    "revision",
    "projectUuid",
    "bindings",
    "observedGeneration",
];

fn scrub(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !CHOSEN.contains(&&**name));
            fields.values_mut().for_each(scrub);
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
