//! A listener that speaks TLS, by a certificate that may be renewed while it listens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take to begin: one that takes longer is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many clients may begin at once.
const MOST: usize = 64;

/// Listens for clients that speak TLS.
pub struct TlsListener {
    listener: TcpListener,
    certificate: Certificate,
    /// Clients that have not begun yet: a slow one delays no other one.
    beginning: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

/// A directory with `tls.crt` and `tls.key`, as the volume of a Secret has them.
struct Certificate {
    directory: PathBuf,
    read_at: Option<SystemTime>,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    /// Shows the certificate in this directory: `tls.crt` and `tls.key`. It is read again when the file changes.
    ///
    /// # Errors
    /// When there is no such certificate and key.
    pub fn new(listener: TcpListener, directory: &Path) -> io::Result<Self> {
        let certificate = Certificate {
            directory: directory.to_owned(),
            read_at: changed_at(directory),
            acceptor: acceptor(directory)?,
        };
        Ok(Self {
            listener,
            certificate,
            beginning: JoinSet::new(),
        })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(begun) = self.beginning.join_next() => {
                    if let Ok(Some(begun)) = begun {
                        return begun;
                    }
                }
                (stream, address) = Listener::accept(&mut self.listener), if self.beginning.len() < MOST => {
                    let acceptor = self.certificate.newest();
                    self.beginning.spawn(async move {
                        let begun = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
                        Some((begun.ok()?.ok()?, address))
                    });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Certificate {
    /// One that cannot be read is not used: it may be half written.
    fn newest(&mut self) -> TlsAcceptor {
        let changed = changed_at(&self.directory);
        if changed != self.read_at {
            match acceptor(&self.directory) {
                Ok(acceptor) => (self.acceptor, self.read_at) = (acceptor, changed),
                Err(error) => {
                    tracing::warn!(%error, "failed to read the certificate for /metrics; the one before is used on");
                }
            }
        }
        self.acceptor.clone()
    }
}

fn changed_at(directory: &Path) -> Option<SystemTime> {
    fs::metadata(directory.join("tls.crt"))
        .ok()?
        .modified()
        .ok()
}

fn acceptor(directory: &Path) -> io::Result<TlsAcceptor> {
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        let file = directory.join(what);
        io::Error::other(format!("{}: {error}", file.display()))
    };
    let chain = CertificateDer::pem_file_iter(directory.join("tls.crt"))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused("tls.crt", &error))?;
    let key = PrivateKeyDer::from_pem_file(directory.join("tls.key"))
        .map_err(|error| refused("tls.key", &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| refused("tls.crt", &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
