//! Certificate authorities that a connection trusts besides those of the system.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Twice the size of a complete system bundle: enough for every company, too little to be a mistake.
const LARGEST: usize = 512 * 1024;

/// Certificates in PEM form, each checked to be usable as a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaBundle(Vec<CertificateDer<'static>>);

/// Why bytes are not a CA bundle. Never repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaBundleError {
    /// No PEM block with a certificate in it.
    #[error("holds no certificate; expected PEM text with \"BEGIN CERTIFICATE\"")]
    NoCertificate,
    /// A PEM block or a certificate that cannot be read.
    #[error("holds a certificate that cannot be read")]
    Malformed,
    /// Something that must not lie about in a bundle.
    #[error("holds a private key; remove it, only certificates belong here")]
    PrivateKey,
    /// Larger than any bundle.
    #[error("is larger than {} KiB", LARGEST / 1024)]
    TooLarge,
}

impl CaBundle {
    /// Reads one or more certificates in PEM form.
    ///
    /// # Errors
    /// When there is none, one is unusable, or a private key lies among them.
    pub fn parse(pem: &[u8]) -> Result<Self, CaBundleError> {
        if pem.len() > LARGEST {
            return Err(CaBundleError::TooLarge);
        }
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY-----") {
            return Err(CaBundleError::PrivateKey);
        }
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CaBundleError::Malformed)?;
        if certificates.is_empty() {
            return Err(CaBundleError::NoCertificate);
        }
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store
                .add(certificate.clone())
                .map_err(|_| CaBundleError::Malformed)?;
        }
        Ok(Self(certificates))
    }

    pub(super) fn certificates(&self) -> Result<Vec<reqwest::Certificate>, reqwest::Error> {
        let to_reqwest = |der: &CertificateDer<'_>| reqwest::Certificate::from_der(der);
        self.0.iter().map(to_reqwest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_bundle_is_refused_with_the_cause() {
        let large = vec![b'\n'; LARGEST + 1];
        let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, error) in [
            (&b""[..], CaBundleError::NoCertificate),
            (b"not pem", CaBundleError::NoCertificate),
            (key.as_bytes(), CaBundleError::PrivateKey),
            (garbage.as_bytes(), CaBundleError::Malformed),
            (&large, CaBundleError::TooLarge),
        ] {
            assert_eq!(CaBundle::parse(pem), Err(error));
        }
    }
}
