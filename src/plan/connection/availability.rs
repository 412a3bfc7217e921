//! What the bindings of a connection may do, and whom to reconcile when that changes.

use crate::identity::{ServerId, SettingId};
use crate::plan::Blocked;
use crate::plan::capability::Capabilities;
use crate::plan::decoration::{self, Token};

/// What the bindings of a connection may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// Nothing yet: no reconcile of the connection has come to an end in this process.
    #[default]
    Unknown,
    /// Everything that the servers offer.
    Serving(Offer),
    /// SonarQube is well and something else is not: bindings may undo what they did, which needs SonarQube alone.
    UndoOnly {
        /// What is not right.
        why: Blocked,
        /// What bindings that are up to date report of decoration meanwhile depends on it.
        token: Token,
    },
    /// Nothing: something of the connection is not right.
    Down(Blocked),
    /// Nothing, and never again: SonarQube's token is confirmed gone. Bindings that are deleted leave SonarQube as it
    /// is.
    Gone(Blocked),
}

/// What a binding does and says depends on these: an upgrade of SonarQube changes them, and so does its base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The SonarQube server.
    pub server: ServerId,
    /// The configuration that projects are bound through.
    pub configuration: SettingId,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// What holds for decoration on the whole server.
    pub decoration: decoration::Server,
}

/// What a reconcile of a connection that failed has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is not right.
    pub why: Blocked,
    /// What it means for SonarQube.
    pub sonarqube: SonarQubeState,
    /// Whether clients of the very server that answers are still there.
    pub has_access: bool,
    /// What it means for the token that SonarQube decorates with.
    pub token: Token,
}

/// What a reconcile that failed has found out about SonarQube.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SonarQubeState {
    /// It is up, and takes its token.
    Well,
    /// It is not, or that could not be found out.
    NotWell,
    /// Its token is confirmed gone.
    TokenGone,
}

/// Which bindings of a connection have to be reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affected {
    /// None: to none of them anything is new.
    Nobody,
    /// Those that are being deleted.
    Leaving,
    /// All.
    All,
}

impl Availability {
    /// After a reconcile that failed.
    #[must_use]
    pub fn after(trouble: Trouble) -> Self {
        let Trouble {
            why,
            sonarqube,
            has_access,
            token,
        } = trouble;
        match sonarqube {
            SonarQubeState::Well if has_access => Self::UndoOnly { why, token },
            SonarQubeState::Well | SonarQubeState::NotWell => Self::Down(why),
            SonarQubeState::TokenGone => Self::Gone(why),
        }
    }

    /// After a failed reconcile of a connection that is being deleted: what still serves its bindings goes on, since
    /// some need it for their own deletion. The same applies to a token that cannot be read any more.
    #[must_use]
    pub fn while_deleting(self, trouble: Trouble) -> Self {
        use SonarQubeState::{NotWell, TokenGone, Well};
        match (self, trouble.sonarqube) {
            (serving @ Self::Serving(_), Well | NotWell) if trouble.has_access => serving,
            (Self::Serving(_), TokenGone) | (Self::UndoOnly { .. }, _) if trouble.has_access => {
                Self::UndoOnly {
                    why: trouble.why,
                    token: trouble.token,
                }
            }
            _ => Self::after(trouble),
        }
    }

    /// Once no binding needs a connection that is being deleted: no binding may become one that does.
    #[must_use]
    pub fn closed_to_new_ones(self, why: Blocked) -> Self {
        match self {
            Self::Serving(_) => Self::UndoOnly {
                why,
                token: Token::NotRefused,
            },
            Self::UndoOnly { token, .. } => Self::UndoOnly { why, token },
            Self::Unknown | Self::Down(_) => Self::Down(why),
            Self::Gone(_) => Self::Gone(why),
        }
    }

    /// Why bindings have to wait, if they have to.
    #[must_use]
    pub fn why(&self) -> Option<&Blocked> {
        match self {
            Self::Unknown | Self::Serving(_) => None,
            Self::UndoOnly { why, .. } | Self::Down(why) | Self::Gone(why) => Some(why),
        }
    }

    /// What bindings that are up to date report of the token that decorates, while they wait.
    #[must_use]
    pub fn token(&self) -> Token {
        match self {
            Self::UndoOnly { token, .. } => *token,
            Self::Unknown | Self::Serving(_) | Self::Down(_) | Self::Gone(_) => Token::NotRefused,
        }
    }
}

/// Which bindings have to be reconciled for a change: those that may do something that they could not do before, and
/// those that have to say something else. A binding that can do less finds that out when it tries.
#[must_use]
pub fn transition(old: &Availability, new: &Availability) -> Affected {
    use Availability::{Down, Gone, Serving, UndoOnly, Unknown};
    match (old, new) {
        (Serving(before), Serving(now)) if before == now => Affected::Nobody,
        (_, Serving(_)) | (Unknown | Serving(_), UndoOnly { .. } | Down(_) | Gone(_)) => {
            Affected::All
        }
        // All of them wait already; those that are up to date report more only of one token.
        (UndoOnly { .. } | Down(_) | Gone(_), UndoOnly { .. } | Down(_) | Gone(_))
            if old.token() != new.token() =>
        {
            Affected::All
        }
        (Down(_) | Gone(_), UndoOnly { .. }) | (UndoOnly { .. } | Down(_), Gone(_)) => {
            Affected::Leaving
        }
        (UndoOnly { .. }, UndoOnly { .. })
        | (UndoOnly { .. } | Down(_) | Gone(_), Down(_))
        | (Gone(_), Gone(_))
        | (_, Unknown) => Affected::Nobody,
    }
}

#[cfg(test)]
mod tests;
