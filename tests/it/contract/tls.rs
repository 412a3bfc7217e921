//! Whom the transport trusts, in real handshakes, and what it says of whom it does not trust.

use bindery::http::{CaBundle, Call, Failure, Operation, Options, PlainHttp, Transport};
use bindery::identity::ServerUrl;

use super::scripted::{Scripted, answer, loopback};
use crate::support::tls::{Authority, Front, Leaf};

const READ: Operation = Operation::get("api/read");

struct Site {
    authority: Authority,
    front: Front,
}

impl Site {
    async fn new() -> Self {
        let server = Scripted::saying(&[answer("200 OK", "", "{}")]);
        let authority = Authority::new();
        let upstream = ([127, 0, 0, 1], server.port()).into();
        let front = Front::start(upstream, authority.shows(Leaf::Good)).await;
        Self { authority, front }
    }

    /// A call by a client that trusts these authorities besides those of the system.
    async fn called(&self, bundle: Option<&str>) -> Result<u16, Failure> {
        let url = ServerUrl::parse(&self.front.url).unwrap();
        let options = Options {
            ca_bundle: bundle.map(|pem| CaBundle::parse(pem.as_bytes()).unwrap()),
            plain_http: PlainHttp::Refused,
            ..loopback()
        };
        let transport = Transport::new(url, options).unwrap();
        Ok(transport.send(Call::new(READ)).await?.status())
    }
}

#[tokio::test]
async fn an_authority_is_trusted_when_its_certificate_is_in_the_bundle() {
    let site = Site::new().await;
    let bundle = site.authority.bundle.clone();
    assert_eq!(site.called(Some(&bundle)).await.unwrap(), 200);
    let among_others = format!("{}{bundle}", Authority::new().bundle);
    assert_eq!(site.called(Some(&among_others)).await.unwrap(), 200);
}

#[tokio::test]
async fn an_untrusted_certificate_is_described_in_stable_words() {
    let site = Site::new().await;
    let own = site.authority.bundle.clone();
    let other = Authority::new().bundle;
    for (leaf, bundle, why) in [
        (
            Leaf::Good,
            None,
            "was issued by an authority that is not trusted; name the bundle",
        ),
        (
            Leaf::Good,
            Some(&other),
            "was issued by an authority that is not trusted; name the bundle",
        ),
        (Leaf::Expired, Some(&own), "has expired"),
        (Leaf::NotYetValid, Some(&own), "is not valid yet; one of"),
        (Leaf::ForAnotherHost, Some(&own), "is for another host"),
    ] {
        site.front.show(site.authority.shows(leaf));
        let failure = site.called(bundle.map(String::as_str)).await.unwrap_err();
        let reported = failure.to_string();
        let start =
            format!("GET api/read failed: no trusted TLS connection: its certificate {why}");
        assert!(reported.starts_with(&start), "{leaf:?}: {reported}");
        // A condition that names the second of the check would be written again by every reconcile.
        assert!(
            !reported.contains(|c: char| c.is_ascii_digit()),
            "{reported}"
        );
        assert!(!failure.is_transient());
    }
}
