//! One list of allowed or of denied hosts.

use std::net::IpAddr;

use super::address::{AddressClass, unwrapped};

/// What one list admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostList {
    /// Every host at an ordinary address.
    Public,
    /// What one of the entries admits.
    Only(Vec<Entry>),
    /// What none of the entries names.
    Not(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A name, in lower case.
    Host(String),
    /// The names that end so, a dot at its start.
    Suffix(String),
    /// The addresses that share these leading bits.
    Network(IpAddr, u8),
}

/// An entry that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{entry:?} is not a host: use host, host:port, *.suffix, an IP address or a network such as 10.0.0.0/8"
)]
pub struct HostListError {
    /// The entry as it was written.
    pub entry: String,
}

impl HostList {
    /// Admits what one of these entries names.
    pub(super) fn parse(text: &str) -> Result<Self, HostListError> {
        entries(text).map(Self::Only)
    }

    /// Admits what none of these entries names.
    pub(super) fn parse_denied(text: &str) -> Result<Self, HostListError> {
        entries(text).map(Self::Not)
    }

    /// Whether the list names what is denied.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, Self::Not(_))
    }

    /// Whether some address could make this host admitted.
    pub(super) fn may_admit(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Public => true,
            Self::Only(entries) => entries.iter().any(|entry| {
                let by_address = matches!(entry.place, Place::Network(..));
                entry.takes_port(port) && (by_address || entry.names(host))
            }),
            Self::Not(entries) => {
                let is_named = |entry: &Entry| entry.takes_port(port) && entry.names(host);
                !entries.iter().any(is_named)
            }
        }
    }

    pub(super) fn admits(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Public => AddressClass::of(address) == AddressClass::Ordinary,
            Self::Only(entries) => entries
                .iter()
                .any(|entry| entry.takes_port(port) && entry.admits(host, address)),
            Self::Not(entries) => {
                let is_named = |entry: &Entry| entry.names(host) || entry.holds(address);
                let mut entries = entries.iter();
                !entries.any(|entry| entry.takes_port(port) && is_named(entry))
            }
        }
    }
}

fn entries(text: &str) -> Result<Vec<Entry>, HostListError> {
    let entry = |part: &str| {
        Entry::parse(part.trim()).ok_or_else(|| HostListError {
            entry: part.trim().to_owned(),
        })
    };
    text.split(',').map(entry).collect()
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            let place = Place::Network(address, bits);
            return Some(Self { place, port: None });
        }
        let (host, port) = split_port(text)?;
        let place = if let Ok(address) = host.parse::<IpAddr>() {
            let address = unwrapped(address);
            Place::Network(address, width(address))
        } else if let Some(suffix) = host.strip_prefix('*') {
            let name = suffix.strip_prefix('.').filter(|name| is_name(name))?;
            Place::Suffix(format!(".{}", name.to_ascii_lowercase()))
        } else {
            Place::Host(
                Some(host)
                    .filter(|host| is_name(host))?
                    .to_ascii_lowercase(),
            )
        };
        Some(Self { place, port })
    }

    fn takes_port(&self, port: u16) -> bool {
        self.port.is_none_or(|only| only == port)
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match &self.place {
            Place::Host(name) => host == *name,
            Place::Suffix(suffix) => host.ends_with(suffix),
            Place::Network(..) => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match self.place {
            Place::Network(network, bits) => contains(network, bits, address),
            Place::Host(_) | Place::Suffix(_) => false,
        }
    }

    /// A name vouches for ordinary addresses only: the owner of its DNS could point it at this machine.
    fn admits(&self, host: &str, address: IpAddr) -> bool {
        match (&self.place, AddressClass::of(address)) {
            (Place::Network(network, bits), _) => contains(*network, *bits, address),
            (Place::Host(name), AddressClass::Loopback) => name == "localhost" && self.names(host),
            (Place::Host(_) | Place::Suffix(_), class) => {
                class == AddressClass::Ordinary && self.names(host)
            }
        }
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let port = |digits: &str| digits.parse().ok().filter(|port| *port != 0).map(Some);
    if let Some(rest) = text.strip_prefix('[') {
        return match rest.split_once(']')? {
            (host, "") => Some((host, None)),
            (host, rest) => Some((host, port(rest.strip_prefix(':')?)?)),
        };
    }
    match text.split_once(':') {
        // More than one colon: an IPv6 address without brackets, hence without a port.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, digits)) => Some((host, port(digits)?)),
        None => Some((text, None)),
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty()
        && text.len() <= 253
        && text
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(allowed))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    // The leading bits of both, the network's kind of address deciding how many there are.
    let shift = u32::from(width(network) - bits);
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
