//! Who a connection behind a balancer is really from: the PROXY protocol, versions 1 and 2
//! (haproxy.org, `proxy-protocol.txt`, sections 2.1 and 2.2).
//!
//! Only balancers of our own are believed, and they must begin every connection with a header: whether one is there is
//! never guessed from what came, because a client could write it as well. The header is read to its last byte and not
//! beyond, so what follows is untouched for TLS, HTTP or SSH.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// What a binary header begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header that is text, its line end included.
const LONGEST_LINE: usize = 107;
/// A balancer says the header before anything else, so it is there at once or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// The balancers in front of a listener.
#[derive(Clone)]
pub struct Balancers(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

/// Why a balancer's connection cannot be used: nobody knows who it is from.
#[derive(Debug, thiserror::Error)]
pub enum NoOrigin {
    /// What came first is no header.
    #[error("it does not begin with a PROXY protocol header: {0}")]
    Header(&'static str),
    /// Nothing came, or not all.
    #[error("its PROXY protocol header did not come: {0}")]
    Read(#[from] io::Error),
}

impl Balancers {
    /// Those whose addresses `own` knows.
    pub fn new(own: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(own))
    }

    /// No balancer: every connection is from its peer.
    pub fn none() -> Self {
        Self::new(|_| false)
    }

    /// Who a connection is from. From a balancer's connection the header is taken; where it says that the balancer speaks
    /// for itself (it looks whether we are alive), that is the peer. From all others nothing is read.
    pub async fn origin<S>(&self, stream: &mut S, peer: SocketAddr) -> Result<SocketAddr, NoOrigin>
    where
        S: AsyncRead + Unpin,
    {
        if !(self.0)(peer.ip()) {
            return Ok(peer);
        }
        let said = timeout(PATIENCE, header(stream)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok(said?.unwrap_or(peer))
    }
}

impl fmt::Debug for Balancers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Balancers")
    }
}

/// Reads a header, and nothing behind it. `None` where it names no client.
async fn header<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, NoOrigin> {
    let mut begin = [0; SIGNATURE.len()];
    stream.read_exact(&mut begin).await?;
    if begin == *SIGNATURE {
        return binary(stream).await;
    }
    if !begin.starts_with(b"PROXY ") {
        return Err(NoOrigin::Header("other bytes"));
    }
    let mut line = begin.to_vec();
    // Byte by byte: how long it is says only its end.
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(NoOrigin::Header("a line without an end"));
        }
        line.push(stream.read_u8().await?);
    }
    text(&line)
}

/// A header that is a line, with its end.
fn text(line: &[u8]) -> Result<Option<SocketAddr>, NoOrigin> {
    let wrong = NoOrigin::Header("a line that is none");
    let Some(line) = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix("\r\n")) else {
        return Err(wrong);
    };
    let mut words = line.split(' ').skip(1);
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let (Some(from), Some(to), Some(from_port), Some(to_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong);
    };
    let address = |text: &str| match family {
        Some("TCP4") => text.parse().ok().map(IpAddr::V4),
        Some("TCP6") => text.parse().ok().map(IpAddr::V6),
        _ => None,
    };
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    match (address(from), address(to), port(from_port), port(to_port)) {
        (Some(from), Some(_), Some(port), Some(_)) => Ok(Some(SocketAddr::new(from, port))),
        _ => Err(wrong),
    }
}

/// What follows the signature of a binary header.
async fn binary<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, NoOrigin> {
    let [command, family] = [stream.read_u8().await?, stream.read_u8().await?];
    let length = stream.read_u16().await?;
    // All of it is taken in any case; beyond the addresses are a balancer's additions, which nothing here needs.
    let mut rest = stream.take(u64::from(length));
    let origin = match (command, family) {
        (0x20, _) => None,
        (0x21, 0x11) => {
            let address = read::<_, 4>(&mut rest).await?;
            read::<_, 4>(&mut rest).await?;
            Some(SocketAddr::new(Ipv4Addr::from(address).into(), rest.read_u16().await?))
        }
        (0x21, 0x21) => {
            let address = read::<_, 16>(&mut rest).await?;
            read::<_, 16>(&mut rest).await?;
            Some(SocketAddr::new(Ipv6Addr::from(address).into(), rest.read_u16().await?))
        }
        // A kind of address that is no internet address: the client is somewhere behind the balancer.
        (0x21, 0x00 | 0x31) => None,
        (0x20..=0x2f, _) => return Err(NoOrigin::Header("not of TCP")),
        _ => return Err(NoOrigin::Header("not of version 2")),
    };
    let mut waste = [0; 256];
    while rest.limit() > 0 {
        if rest.read(&mut waste).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(origin)
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a header says, and what is left behind it.
    fn heard(mut bytes: &[u8]) -> (Result<Option<SocketAddr>, String>, &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let said = runtime.block_on(header(&mut bytes)).map_err(|error| error.to_string());
        (said, bytes)
    }

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        [SIGNATURE, &[command, family][..], &(rest.len() as u16).to_be_bytes(), rest].concat()
    }

    #[test]
    fn lines_name_the_client_and_what_follows_is_left() {
        let from = |text: &str| Ok(Some(text.parse().unwrap()));
        let lines = [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 56324 22\r\n", from("192.0.2.7:56324")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 65535 22\r\n", from("[2001:db8::7]:65535")),
            ("PROXY UNKNOWN\r\n", Ok(None)),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Ok(None)),
        ];
        for (line, expected) in lines {
            let bytes = [line.as_bytes(), b"SSH-2.0-x\r\n"].concat();
            assert_eq!(heard(&bytes), (expected, &b"SSH-2.0-x\r\n"[..]), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 56324 22 1\r\n",
            "PROXY TCP4 2001:db8::7 10.0.0.1 56324 22\r\n",
            "PROXY TCP6 192.0.2.7 10.0.0.1 56324 22\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 65536 22\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 +5 22\r\n",
            "PROXY TCP4  192.0.2.7 10.0.0.1 5 22\r\n",
            "PROXY TCP5 192.0.2.7 10.0.0.1 5 22\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 5 22\n",
            &format!("PROXY TCP4 {}\r\n", " ".repeat(200)),
        ] {
            assert!(heard(line.as_bytes()).0.is_err(), "{line}");
        }
    }

    #[test]
    fn binary_headers_name_the_client_and_are_taken_to_their_end() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 0, 22];
        let with_additions = [&v4[..], &[3, 0, 1, 9]].concat();
        let mut v6 = [0; 36];
        v6[..2].copy_from_slice(&[0x20, 0x01]);
        v6[15] = 7;
        v6[33] = 9;
        for (bytes, expected) in [
            (second(0x21, 0x11, &v4), Some("192.0.2.7:56324")),
            (second(0x21, 0x11, &with_additions), Some("192.0.2.7:56324")),
            (second(0x21, 0x21, &v6), Some("[2001::7]:9")),
            (second(0x20, 0x00, &[]), None),
            (second(0x20, 0x11, &v4), None),
            (second(0x21, 0x31, &[7; 216]), None),
        ] {
            let bytes = [&bytes[..], b"rest"].concat();
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(heard(&bytes), (Ok(expected), &b"rest"[..]));
        }
        for wrong in
            [second(0x11, 0x11, &v4), second(0x21, 0x12, &v4), second(0x22, 0x11, &v4), second(0x21, 0x11, &v4[..9])]
        {
            assert!(heard(&wrong).0.is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn only_balancers_are_believed_and_they_must_say_it() {
        let balancers = Balancers::new(|address| address == IpAddr::from([10, 0, 0, 9]));
        let (own, other) = ("10.0.0.9:1".parse().unwrap(), "192.0.2.1:1".parse().unwrap());
        let mut bytes = &b"PROXY TCP4 192.0.2.7 10.0.0.1 5 22\r\n"[..];
        assert_eq!(balancers.origin(&mut bytes, other).await.unwrap(), other);
        assert!(bytes.starts_with(b"PROXY"), "nothing is read from others");
        assert_eq!(balancers.origin(&mut bytes, own).await.unwrap(), "192.0.2.7:5".parse().unwrap());
        assert!(matches!(balancers.origin(&mut &b"PROXY TCP4 192."[..], own).await, Err(NoOrigin::Read(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(kind in 0..4_u8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let begin: &[u8] = match kind { 0 => b"", 1 => b"PROXY TCP4 ", 2 => SIGNATURE, _ => b"PROXY TCP6 " };
            let _ = heard(&[begin, &bytes].concat());
        }

        #[test]
        fn what_a_balancer_writes_is_read(address in any::<IpAddr>(), port in any::<u16>(), rest in prop::collection::vec(any::<u8>(), 0..99)) {
            let family = if address.is_ipv4() { "TCP4" } else { "TCP6" };
            let line = format!("PROXY {family} {address} {address} {port} 22\r\n");
            let bytes = [line.as_bytes(), &rest].concat();
            prop_assert_eq!(heard(&bytes), (Ok(Some(SocketAddr::new(address, port))), &rest[..]));
        }
    }
}
