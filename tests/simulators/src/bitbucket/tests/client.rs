//! A client that hides nothing: one connection a request, all bytes kept.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::super::{Bitbucket, Permission, Profile, Right};

pub(super) const READ: &str = "read-token-1f4e";
pub(super) const WRITE: &str = "write-token-77ab";

/// What came back; `status` is 0 if nothing did.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
    }
}

/// PAY with three repositories, of which a reader may read PAY and a writer may write to checkout only.
pub(super) async fn start(profile: Profile) -> Bitbucket {
    let bitbucket = Bitbucket::start(profile).await.unwrap();
    bitbucket.world(|world| {
        for name in ["checkout", "ledger", "payments-api"] {
            world.repository("PAY", name);
        }
        world.project("PAY").name = "Payments".to_owned();
        world.grant_project("reader", "PAY", Right::Read);
        world.grant_project("writer", "PAY", Right::Read);
        world.grant_repository("writer", ("PAY", "checkout"), Right::Write);
        world.token(
            READ,
            "reader",
            &[Permission::ProjectRead, Permission::RepoRead],
        );
        world.token(
            WRITE,
            "writer",
            &[Permission::ProjectWrite, Permission::RepoWrite],
        );
    });
    bitbucket
}

/// Reads a path as SonarQube does.
pub(super) async fn read(bitbucket: &Bitbucket, token: &str, path: &str) -> Answer {
    let headers = format!("authorization: Bearer {token}\r\naccept: application/json\r\n");
    send(bitbucket, &format!("GET {path}"), &headers, "").await
}

/// Sends a request line without its version, headers with their line ends, and a body.
pub(super) async fn send(bitbucket: &Bitbucket, line: &str, headers: &str, body: &str) -> Answer {
    let url = bitbucket.url();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len(),
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset after the last byte is what some faults are about.
    let _ended = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
