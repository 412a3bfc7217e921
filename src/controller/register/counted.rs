//! What is counted of an object.

use kube::core::DeserializeGuard;

use crate::crd::{BitbucketConnection, Kind};
use crate::fleet::{Counted, Reported, Said};
use crate::plan::condition::ConditionType;

/// What is counted of an object, the day apart on which its token expires.
pub(super) fn of<K: Kind>(guarded: &DeserializeGuard<K>) -> Counted {
    let reported = guarded.0.as_ref().map_or(Reported::Unreadable, |object| {
        let said = |condition_type: ConditionType| {
            let mut conditions = object.conditions().iter();
            let found = conditions.find(|condition| condition.type_ == condition_type.as_str())?;
            Some(Said {
                state: found.status.to_string(),
                reason: found.reason.to_string(),
            })
        };
        Reported::Status {
            ready: said(ConditionType::Ready),
            decoration: said(ConditionType::DecorationReady),
            token_expiry: None,
        }
    });
    Counted {
        kind: K::NAME,
        reported,
    }
}

/// The same with the day on which SonarQube's token expires, if that is known.
pub(super) fn of_connection(guarded: &DeserializeGuard<BitbucketConnection>) -> Counted {
    let mut counted = of(guarded);
    if let Reported::Status { token_expiry, .. } = &mut counted.reported {
        let status = guarded.0.as_ref().ok();
        let status = status.and_then(|connection| connection.status.as_ref());
        let days = status.and_then(|status| status.token_expiry.as_ref());
        *token_expiry = days.and_then(|days| days.sonarqube.clone());
    }
    counted
}
