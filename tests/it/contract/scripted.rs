//! A server that answers as scripted, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bindery::http::{HostPolicy, Options, PlainHttp, Token, Transport};
use bindery::identity::ServerUrl;

/// What appears in no error, independent of what the server does with it.
pub(super) const CANARY: &str = "squ_canary/0123456789+abcdef";

/// The first byte of a client that expects TLS.
const TLS_HANDSHAKE: u8 = 22;

pub(super) struct Scripted {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Gives the answers in their order, one a connection, the last one for ever. An empty answer is none at
    /// all: the connection stays open until the client leaves.
    pub(super) fn saying(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) = (Arc::clone(&requests), answers.to_vec());
        // Ends with the test's process; it holds nothing but its port.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read_request(&mut stream);
                let index = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request);
                    kept.len() - 1
                };
                let answer = answers.get(index).or(answers.last()).unwrap();
                if answer.is_empty() {
                    let _ = stream.read(&mut [0; 1]);
                } else {
                    // The client may hang up in the middle, which is what some tests are about.
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        Self { port, requests }
    }

    pub(super) fn url(&self) -> ServerUrl {
        ServerUrl::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn transport(&self) -> Transport {
        Transport::new(self.url(), loopback()).unwrap()
    }
}

/// Options that let a test reach this machine.
pub(super) fn loopback() -> Options {
    Options {
        hosts: HostPolicy::parse("127.0.0.0/8").unwrap(),
        plain_http: PlainHttp::Allowed,
        ..Options::default()
    }
}

pub(super) fn canary() -> Token {
    Token::parse(CANARY.as_bytes()).unwrap()
}

/// A complete answer.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        if request.first() == Some(&TLS_HANDSHAKE) {
            return text;
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
            _ => return text,
        }
    }
}
