//! Who asks, and whether so often.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    errors::Refusal,
    world::{Identity, Owner, Standing, World},
};
use crate::calls::Credential;

/// What an `Authorization` header says.
#[derive(Debug)]
enum Claim<'a> {
    Bearer(&'a str),
    Basic { user: String, password: String },
    Unreadable,
}

impl<'a> Claim<'a> {
    fn read(header: &'a str) -> Self {
        let Some((scheme, value)) = header.split_once(' ') else {
            return Self::Unreadable;
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::Bearer(value.trim());
        }
        let text = STANDARD
            .decode(value.trim())
            .ok()
            .and_then(|it| String::from_utf8(it).ok());
        match text.as_deref().and_then(|text| text.split_once(':')) {
            Some((user, password)) if scheme.eq_ignore_ascii_case("basic") => Self::Basic {
                user: user.to_owned(),
                password: password.to_owned(),
            },
            Some(_) | None => Self::Unreadable,
        }
    }
}

/// Names the credential of a request for the call log, whether it is good or not.
pub(crate) fn credential(world: &World, header: Option<&str>) -> Credential {
    let token_id = |secret: &str| {
        let found = world
            .tokens
            .iter()
            .find(|token| token.secret.reveal() == secret);
        found.map(|token| Credential::Token(token.id.clone()))
    };
    match header.map(Claim::read) {
        None => Credential::Anonymous,
        Some(Claim::Bearer(secret)) => token_id(secret).unwrap_or(Credential::Unknown),
        Some(Claim::Basic { user, password }) => token_id(&password)
            .or_else(|| {
                world
                    .find_user(&user)
                    .map(|user| Credential::Password(user.slug.clone()))
            })
            .unwrap_or(Credential::Unknown),
        Some(Claim::Unreadable) => Credential::Unknown,
    }
}

/// Which credentials count at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Passwords and tokens.
    Rest,
    /// Passwords only: tokens are led to the login page, and as a Basic password they are a failed login.
    Elsewhere,
}

/// Finds out who asks.
pub(crate) fn identify(
    world: &mut World,
    header: Option<&str>,
    place: Place,
    base: &str,
) -> Result<Identity, Refusal> {
    match header.map(Claim::read) {
        None => Ok(Identity::Anonymous),
        Some(Claim::Bearer(_)) if place == Place::Elsewhere => Err(Refusal::LoginPage {
            location: format!("{base}/login"),
        }),
        Some(Claim::Bearer(secret)) => {
            use_token(world, secret, None).unwrap_or(Err(Refusal::BadCredentials))
        }
        Some(Claim::Basic { user, password }) => log_in(world, &user, &password, place, base),
        Some(Claim::Unreadable) => Err(Refusal::BadCredentials),
    }
}

fn log_in(
    world: &mut World,
    slug: &str,
    password: &str,
    place: Place,
    base: &str,
) -> Result<Identity, Refusal> {
    let limit = world.settings.captcha_after;
    let Some(user) = world.find_user(slug) else {
        return Err(Refusal::BadCredentials);
    };
    let (slug, standing) = (user.slug.clone(), user.standing);
    if user.failed_logins >= limit {
        return Err(Refusal::Captcha {
            login: format!("{base}/login"),
        });
    }
    let right = user
        .password
        .as_ref()
        .is_some_and(|own| own.reveal() == password);
    if right {
        world.user(&slug).failed_logins = 0;
        return admit(standing, Identity::Password { slug });
    }
    if place == Place::Rest
        && let Some(outcome) = use_token(world, password, Some(&slug))
    {
        return outcome;
    }
    world.user(&slug).failed_logins += 1;
    Err(Refusal::BadCredentials)
}

/// The token of this secret that counts now. As a Basic password only a token of that user does.
fn use_token(
    world: &mut World,
    secret: &str,
    basic_user: Option<&str>,
) -> Option<Result<Identity, Refusal>> {
    let now = world.now;
    let token = world.tokens.iter_mut().find(|token| {
        token.secret.reveal() == secret
            && token.expires.is_none_or(|expires| now < expires)
            && basic_user.is_none_or(|slug| token.owner == Owner::User(slug.to_owned()))
    })?;
    token.last_authenticated = Some(now);
    let identity = Identity::Token {
        id: token.id.clone(),
    };
    let standing = world
        .user_of(&identity)
        .map_or(Standing::Licensed, |user| user.standing);
    Some(admit(standing, identity))
}

fn admit(standing: Standing, identity: Identity) -> Result<Identity, Refusal> {
    match standing {
        Standing::Licensed => Ok(identity),
        Standing::Unlicensed => Err(Refusal::Unlicensed),
        Standing::Inactive => Err(Refusal::BadCredentials),
    }
}

/// The name and id in `X-AUSERNAME` and `X-AUSERID`. Their values for the tokens of projects and
/// repositories are not known.
pub(crate) fn shown_name(world: &World, identity: &Identity) -> Option<(String, u64)> {
    match (world.user_of(identity), identity) {
        (Some(user), _) => Some((user.slug.clone(), user.id)),
        (None, Identity::Token { id }) => Some((format!("access-token-user-{id}"), 0)),
        (None, Identity::Anonymous | Identity::Password { .. }) => None,
    }
}

/// Takes a request from the user's bucket.
pub(crate) fn spend(world: &mut World, identity: &Identity) -> Result<(), Refusal> {
    let (Some(limit), Some((name, _))) = (
        world.settings.rate_limit.clone(),
        shown_name(world, identity),
    ) else {
        return Ok(());
    };
    let now = world.now;
    let capacity = u64::from(limit.capacity) * 1000;
    // In thousandths of a request, so that a millisecond adds `fill_rate` of them.
    let (level, since) = world.buckets.get(&name).copied().unwrap_or((capacity, now));
    let elapsed = u64::try_from(now - since).unwrap_or(0);
    let level = level
        .saturating_add(elapsed * u64::from(limit.fill_rate))
        .min(capacity);
    let Some(rest) = level.checked_sub(1000) else {
        world.buckets.insert(name, (level, now));
        return Err(Refusal::RateLimited(limit));
    };
    world.buckets.insert(name, (rest, now));
    Ok(())
}
