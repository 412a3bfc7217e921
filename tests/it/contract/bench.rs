//! A server for one test of the SonarQube client, real or simulated.

use bindery::http::{Token, Transport};
use bindery::identity::{ProjectKey, ServerUrl, SettingKey};
use bindery::sonarqube::Client;
use tokio::sync::MutexGuard;

use super::scripted::loopback;
use crate::support::server::{Server, Turn};
use crate::support::sonarqube::SonarQube;

/// A server for one test, its client, and the turn that goes with it.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) sonarqube: SonarQube,
    pub(super) client: Client,
    _turn: Turn,
}

impl Bench {
    pub(super) async fn at(server: Server) -> Self {
        let turn = server.shared().await;
        let sonarqube = SonarQube::at(server).await;
        let token = Token::parse(sonarqube.token.as_bytes()).unwrap();
        Self {
            client: Client::new(transport(&sonarqube.url), token),
            server,
            sonarqube,
            _turn: turn,
        }
    }
}

pub(super) fn transport(url: &str) -> Transport {
    Transport::new(ServerUrl::parse(url).unwrap(), loopback()).unwrap()
}

pub(super) fn token() -> Token {
    Token::parse(b"a-token-of-bitbucket").unwrap()
}

pub(super) fn key(text: &str) -> ProjectKey {
    ProjectKey::parse(text).unwrap()
}

/// A setting for one test, and the turn that goes with it.
pub(super) async fn with_setting(
    bench: &Bench,
    name: &str,
) -> (SettingKey, ServerUrl, Option<MutexGuard<'static, ()>>) {
    let turn = bench.server.one_setting().await;
    let client = &bench.client;
    for left in client.definitions().await.unwrap().bitbucket {
        client.delete_setting(&left.key).await.unwrap();
    }
    let setting = SettingKey::parse(name).unwrap();
    let url = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    client
        .create_bitbucket(&setting, &url, &token())
        .await
        .unwrap();
    (setting, url, turn)
}
