//! Who calls, by what he shows.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    simulation::Simulation,
    world::{Identity, TokenKind},
};
use crate::calls::Credential;

impl Simulation {
    /// `None` for a credential that is none.
    pub(super) fn identify(&self, authorization: Option<&str>) -> Option<Identity> {
        let Some(authorization) = authorization else {
            return Some(Identity::Anonymous);
        };
        let of_token = |secret: &str| {
            let (user, token) = self.world.holder(secret)?;
            // One that has expired is as good as one that never was.
            (!token.is_expired(&self.world.today)).then(|| Identity::User {
                login: user.login.clone(),
                kind: token.kind,
                expires: token.expires.clone(),
            })
        };
        if let Some(secret) = authorization.strip_prefix("Bearer ") {
            if !self.profile.knows_bearers() {
                return Some(Identity::Anonymous);
            }
            return of_token(secret);
        }
        let (name, password) = basic(authorization)?;
        if password.is_empty() {
            return of_token(&name);
        }
        let user = self.world.active_user(&name)?;
        (user.password == password).then_some(Identity::User {
            login: name,
            kind: TokenKind::User,
            expires: None,
        })
    }

    /// Notes that a token was shown.
    pub(super) fn note_use(&mut self, authorization: &str) {
        if let Some(secret) = authorization.strip_prefix("Bearer ") {
            self.world.note_use(secret);
        } else if let Some((secret, _)) = basic(authorization) {
            self.world.note_use(&secret);
        }
    }

    pub(super) fn credential(&self, authorization: Option<&str>) -> Credential {
        let Some(authorization) = authorization else {
            return Credential::Anonymous;
        };
        let of_token = |secret: &str| {
            let holder = self.world.holder(secret);
            holder.map_or(Credential::Unknown, |(user, token)| {
                Credential::Token(format!("{}/{}", user.login, token.name))
            })
        };
        if let Some(secret) = authorization.strip_prefix("Bearer ") {
            return of_token(secret);
        }
        match basic(authorization) {
            Some((name, password)) if password.is_empty() => of_token(&name),
            Some((name, _)) if self.world.active_user(&name).is_some() => {
                Credential::Password(name)
            }
            Some(_) | None => Credential::Unknown,
        }
    }
}

fn basic(authorization: &str) -> Option<(String, String)> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
