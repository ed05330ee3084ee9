//! Words that only the settings have: addresses, where a consumer begins, and what it is called.

use std::{borrow::Cow, fmt, net::SocketAddr, str::FromStr};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Key, TextForm, Wrong, text_form};

/// Where something listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

/// Where a consumer that is new begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is kept.
    Earliest,
    /// With what comes from now on.
    Latest,
    /// With the first event at or after this time.
    At(Timestamp),
}

/// A consumer's name: it stands in URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerName(String);

impl ConsumerName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key for ConsumerName {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        let sound = (1..=64).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if sound {
            return Ok(Self(key.to_owned()));
        }
        Err(Wrong::new(format!("`{key}` cannot be a consumer's name"))
            .hint("it stands in URLs: up to 64 lower-case letters, digits, - and _"))
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// This port of one's own machine.
    pub(super) const fn loopback(port: u16) -> Self {
        Self::At(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port))
    }

    /// The address, unless it is off.
    pub const fn get(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }

    /// Whether both cannot be listened on.
    pub(super) fn clashes(self, other: &Self) -> bool {
        match (self, other) {
            (Self::At(a), Self::At(b)) => {
                let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
                a.port() == b.port() && a.port() != 0 && same_ip
            }
            _ => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            let wrong = Wrong::new(format!("\"{text}\" is not an address with a port"));
            let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
            match (host, port.parse::<u16>()) {
                ("localhost", Ok(port)) => wrong.hint(format!("write the number: \"127.0.0.1:{port}\"")),
                ("" | "*", Ok(port)) => wrong
                    .hint(format!("all interfaces are \"0.0.0.0:{port}\", this machine only is \"127.0.0.1:{port}\"")),
                (_, Err(_)) if host.parse::<std::net::IpAddr>().is_ok() => {
                    wrong.hint(format!("the port is missing: \"{host}:8080\""))
                }
                _ => wrong.hint("an IP address and a port, like \"127.0.0.1:8080\" or \"[::1]:8080\", or \"off\""),
            }
        })
    }
}

impl TextForm for Address {
    const FORM: &'static str = "an address with its port, like \"127.0.0.1:8080\", or \"off\"";

    fn from_number(number: i64) -> Option<String> {
        Some(format!("say which address too: \"127.0.0.1:{number}\""))
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::At(time) => time.fmt(f),
        }
    }
}

impl FromStr for Start {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            time => time.parse().map(Self::At).map_err(|_| {
                Wrong::new(format!("\"{text}\" is not where a consumer can begin"))
                    .hint("\"earliest\", \"latest\", or a time with its zone, like \"2026-01-31T00:00:00Z\"")
            }),
        }
    }
}

impl TextForm for Start {
    const FORM: &'static str = "\"earliest\", \"latest\" or a time like \"2026-01-31T00:00:00Z\"";
}

text_form!(Address, Start);

macro_rules! textual {
    ($($type:ident, $description:literal, $examples:expr;)*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $description, "examples": $examples })
            }
        }
    )*};
}
textual! {
    Address, "An IP address and a port, or \"off\".", ["127.0.0.1:8080", "off"];
    Start, "Where a consumer begins: \"earliest\", \"latest\" or a time.", ["earliest", "2026-01-31T00:00:00Z"];
}
