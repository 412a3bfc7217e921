//! Whom the API server knows by a token, and what that user may do: `TokenReview` and `SubjectAccessReview`.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::error::Error;

/// How long an answer of the API server is kept: a scrape costs two calls a minute at most.
const KEPT: Duration = Duration::from_mins(1);

/// How many answers are kept. Who sends more tokens than this at once is answered more slowly.
const MOST: usize = 256;

/// What the API server says about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its user may do this.
    Admitted,
    /// It knows no user by it.
    Unknown,
    /// It knows the user, who may not do this.
    Denied,
}

/// Asks the API server, and keeps its answers for a minute. No token is kept: an answer is found by a keyed hash of it.
pub struct Reviews {
    client: Client,
    hashes: RandomState,
    kept: Mutex<HashMap<u64, (Instant, Admission)>>,
}

impl Reviews {
    /// `client` creates reviews also while this operator does not lead.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            hashes: RandomState::new(),
            kept: Mutex::default(),
        }
    }

    /// Whether the user of a token may get a path that is no resource, such as `/metrics`.
    ///
    /// # Errors
    /// When the API server cannot be asked, or forbids to ask.
    pub(crate) async fn may_get(&self, path: &str, token: &str) -> Result<Admission, Error> {
        let hash = self.hashes.hash_one((path, token));
        let kept = self.kept().get(&hash).copied();
        if let Some((asked, admission)) = kept
            && asked.elapsed() < KEPT
        {
            return Ok(admission);
        }
        let asked = Instant::now();
        let admission = match self.user(token).await? {
            None => Admission::Unknown,
            Some(user) if !self.is_allowed(path, &user).await? => Admission::Denied,
            Some(_) => Admission::Admitted,
        };
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(hash, (asked, admission));
        Ok(admission)
    }

    /// The user whom the API server knows by a token.
    async fn user(&self, token: &str) -> Result<Option<UserInfo>, Error> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let answer = reviews.create(&PostParams::default(), &review).await;
        let status = answer.map_err(Error::when("review a token"))?.status;
        let known = status.filter(|status| status.authenticated == Some(true));
        Ok(known.and_then(|status| status.user))
    }

    async fn is_allowed(&self, path: &str, user: &UserInfo) -> Result<bool, Error> {
        let UserInfo {
            username,
            groups,
            uid,
            extra,
        } = user.clone();
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: username,
                groups,
                uid,
                extra,
                non_resource_attributes: Some(NonResourceAttributes {
                    path: Some(path.to_owned()),
                    verb: Some("get".to_owned()),
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let answer = reviews.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(Error::when("review the access of a user"))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u64, (Instant, Admission)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
