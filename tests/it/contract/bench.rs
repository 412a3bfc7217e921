//! A server for one test of the SonarQube client, real or simulated.

use bindery::http::{Token, Transport};
use bindery::identity::{ProjectKey, ServerUrl, SettingId, SettingKey};
use bindery::sonarqube::Client;
use simulators::bitbucket::Bitbucket;
use tokio::sync::MutexGuard;

use super::repositories;
use super::scripted::loopback;
use crate::support::server::{Server, ServerLock};
use crate::support::sonarqube::SonarQube;
use crate::support::stopwatch::Stopwatch;

/// A server for one test, its client, and the lock that goes with it.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) sonarqube: SonarQube,
    pub(super) client: Client,
    _lock: (ServerLock, Option<Stopwatch>),
}

impl Bench {
    pub(super) async fn at(server: Server) -> Self {
        let lock = server.shared().await;
        let sonarqube = SonarQube::at(server).await;
        let token = Token::parse(sonarqube.token.as_bytes()).unwrap();
        Self {
            client: Client::new(transport(&sonarqube.url), token),
            server,
            sonarqube,
            _lock: (lock, Stopwatch::start()),
        }
    }
}

pub(super) fn transport(url: &str) -> Transport {
    Transport::new(ServerUrl::parse(url).unwrap(), loopback()).unwrap()
}

pub(super) fn token() -> Token {
    Token::parse(repositories::TOKEN.as_bytes()).unwrap()
}

pub(super) fn key(text: &str) -> ProjectKey {
    ProjectKey::parse(text).unwrap()
}

/// A setting for one test, and the lock that goes with it.
pub(super) async fn with_setting(
    bench: &Bench,
    name: &str,
) -> (SettingKey, ServerUrl, Option<MutexGuard<'static, ()>>) {
    let url = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    let (setting, lock) = with_setting_at(bench, name, &url).await;
    (setting, url, lock)
}

/// The same with the URL of a Bitbucket.
pub(super) async fn with_setting_at(
    bench: &Bench,
    name: &str,
    url: &ServerUrl,
) -> (SettingKey, Option<MutexGuard<'static, ()>>) {
    let lock = bench.server.one_setting().await;
    let client = &bench.client;
    for left in client.definitions().await.unwrap().bitbucket {
        client.delete_setting(&left.key).await.unwrap();
    }
    let setting = SettingKey::parse(name).unwrap();
    client
        .create_bitbucket(&setting, url, &token())
        .await
        .unwrap();
    (setting, lock)
}

/// A SonarQube with a setting for an existing Bitbucket.
pub(super) struct Site {
    pub(super) bench: Bench,
    pub(super) bitbucket: Bitbucket,
    pub(super) setting: SettingKey,
    _lock: Option<MutexGuard<'static, ()>>,
}

impl Site {
    pub(super) async fn at(server: Server, setting: &str) -> Self {
        let bench = Bench::at(server).await;
        let bitbucket = repositories::bitbucket().await;
        let url = ServerUrl::parse(bitbucket.url().as_str()).unwrap();
        let (setting, lock) = with_setting_at(&bench, setting, &url).await;
        Self {
            bench,
            bitbucket,
            setting,
            _lock: lock,
        }
    }

    /// The same, when SonarQube has a token to import with.
    pub(super) async fn with_token(server: Server, setting: &str) -> Self {
        let site = Self::at(server, setting).await;
        let client = &site.bench.client;
        client.set_pat(&site.setting, &token()).await.unwrap();
        site
    }

    /// The id of the setting, which is made of its key on servers that return none.
    pub(super) async fn setting_id(&self) -> SettingId {
        let settings = self.bench.client.dop_settings().await.unwrap();
        let mut settings = settings.into_iter();
        let ours = settings.find(|setting| setting.key == self.setting);
        ours.unwrap().id
    }
}
