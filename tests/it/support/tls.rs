//! Servers that speak TLS, by certificates of every kind.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// An authority that signs certificates, and that no client trusts yet.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, as PEM.
    pub(crate) bundle: String,
}

/// A certificate that a server may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Good,
    Expired,
    NotYetValid,
    ForAnotherHost,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let bundle = parameters.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(parameters, key),
            bundle,
        }
    }

    /// Writes a good certificate of a server on loopback, and its key: `tls.crt` and `tls.key`.
    pub(crate) fn write(&self, directory: &Path, address: IpAddr) {
        let mut parameters = CertificateParams::new([address.to_string()]).unwrap();
        // With the name of its authority it would be taken for one that has signed itself.
        parameters.distinguished_name = DistinguishedName::new();
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(directory.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(directory.join("tls.crt"), certificate.pem()).unwrap();
    }

    /// What a server on 127.0.0.1 shows.
    pub(crate) fn shows(&self, leaf: Leaf) -> Arc<ServerConfig> {
        let host = if leaf == Leaf::ForAnotherHost {
            "bitbucket.example.com"
        } else {
            "127.0.0.1"
        };
        let mut parameters = CertificateParams::new([host.to_owned()]).unwrap();
        match leaf {
            Leaf::Expired => parameters.not_after = date_time_ymd(2020, 1, 1),
            Leaf::NotYetValid => parameters.not_before = date_time_ymd(3000, 1, 1),
            Leaf::Good | Leaf::ForAnotherHost => {}
        }
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            );
        Arc::new(config.unwrap())
    }
}

/// TLS in front of a server that speaks plain HTTP. Gone when dropped.
pub(crate) struct Front {
    pub(crate) url: String,
    shown: watch::Sender<Arc<ServerConfig>>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub(crate) async fn start(upstream: SocketAddr, shown: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let shown = watch::Sender::new(shown);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, upstream, shown.subscribe()));
        Self {
            url,
            shown,
            _tasks: tasks,
        }
    }

    /// Shows another certificate from now on; a client that saw the old one has to connect again.
    pub(crate) fn show(&self, config: Arc<ServerConfig>) {
        self.shown.send_replace(config);
    }
}

async fn serve(
    listener: TcpListener,
    upstream: SocketAddr,
    shown: watch::Receiver<Arc<ServerConfig>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let mut shown = shown.clone();
        let acceptor = TlsAcceptor::from(Arc::clone(&shown.borrow_and_update()));
        connections.spawn(async move {
            tokio::select! {
                _ = shown.changed() => {}
                // A client that does not trust us leaves during the handshake.
                _ = forward(acceptor, client, upstream) => {}
            }
        });
    }
}

async fn forward(acceptor: TlsAcceptor, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
