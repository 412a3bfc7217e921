//! Answers of both servers, read by their clients: a server of this process gives the body of the moment to every call.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use bindery::http::{HostPolicy, Options, PlainHttp, Token, Transport};
use bindery::identity::{ProjectKey, RepositoryPath, ServerUrl, SettingId};
use bindery::{bitbucket, sonarqube};

const TOKEN: &[u8] = b"squ_fuzz/0123456789+abcdef";

pub(super) struct Server {
    body: Arc<Mutex<Vec<u8>>>,
    runtime: tokio::runtime::Runtime,
    transport: Transport,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let body = Arc::new(Mutex::new(Vec::new()));
        let given = Arc::clone(&body);
        // Ends with the process of the test; it holds nothing but its port.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 8192]);
                let body: Vec<u8> = given.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        let url = ServerUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let options = Options {
            hosts: HostPolicy::parse("127.0.0.0/8").unwrap(),
            plain_http: PlainHttp::Allowed,
            ..Options::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let transport = {
            let _entered = runtime.enter();
            Transport::new(url, options).unwrap()
        };
        Self {
            body,
            runtime,
            transport,
        }
    }

    fn say(&mut self, body: &[u8]) -> Token {
        *self.body.lock().unwrap() = body.to_vec();
        Token::parse(TOKEN).unwrap()
    }

    pub(super) fn sonarqube(&mut self, body: &[u8]) {
        let token = self.say(body);
        let client = sonarqube::Client::new(self.transport.clone(), token);
        let key = ProjectKey::reported("PAY:checkout");
        self.runtime.block_on(async {
            let _ = client.status().await;
            let _ = client.features().await;
            let _ = client.validate_token().await;
            let _ = client.current_user().await;
            let _ = client.definitions().await;
            let _ = client.dop_settings().await;
            let _ = client
                .project_bindings::<Vec<_>>(Some(&SettingId::new("one")))
                .await;
            let _ = client.projects::<Vec<_>>().await;
            let _ = client.binding(&key).await;
            let _ = client.main_branch(&key).await;
            let _ = client.pull_requests(&key).await;
            let _ = client.settings(&["sonar.core.serverBaseURL"]).await;
        });
    }

    pub(super) fn bitbucket(&mut self, body: &[u8]) {
        let token = self.say(body);
        let client = bitbucket::Client::new(self.transport.clone(), token);
        let path = RepositoryPath::reported("PAY", "checkout");
        self.runtime.block_on(async {
            let _ = client.server().await;
            let _ = client.check_token().await;
            let _ = client.repository(&path).await;
            let _ = client.default_branch(&path).await;
            let _ = client.repositories::<Vec<_>>(None).await;
            let _ = client.pull_request(&path, "7").await;
            let _ = client.reports(&path, "0a1b2c").await;
        });
    }
}
