//! `[limits]` of a partner's file on the AS2 door: acted on before a body is read, and told in the way that partners'
//! software understands, by 503 with Retry-After; and whose connection it is behind a balancer.

use gangway::{
    as2::{disposition::Disposition, send::Outgoing},
    play::As2Form,
};
use tokio::{io::BufReader, net::TcpStream};

use super::{
    door::document,
    parties,
    site::{Site, fields, partner, proven, read, write, x12},
    wire::{self, Said, connect_from, head},
};
use crate::util::{Gateway, drain, gwtest};

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

fn message(site: &Site, number: u32) -> Outgoing {
    site.acme.message(&[document(&x12(number))], &As2Form::default()).unwrap()
}

fn headers(outgoing: &Outgoing) -> Vec<(String, String)> {
    outgoing.http.headers.iter().filter(|(name, _)| name != "Content-Length").cloned().collect()
}

async fn post_from(site: &Site, source: [u8; 4], outgoing: &Outgoing) -> Said {
    let stream = connect_from(source, site.gateway.public_address()).await;
    wire::post_on(stream, &headers(outgoing), &outgoing.http.body).await
}

/// Sends headers that wait to be told to go on, and gives what is said: whatever is refused now is refused unread.
async fn ask(site: &Site, source: [u8; 4], outgoing: &Outgoing) -> (BufReader<TcpStream>, Said) {
    let mut stream = connect_from(source, site.gateway.public_address()).await;
    let length = outgoing.http.body.len();
    let text = format!("{}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n", head(&headers(outgoing)));
    wire::write(&mut stream, text.as_bytes()).await.unwrap();
    let said = wire::read(&mut stream).await.unwrap().unwrap();
    (stream, said)
}

#[track_caller]
fn put_off(said: &Said, policy: &str) {
    assert_eq!(said.status(), 503, "{}", String::from_utf8_lossy(&said.body));
    let seconds: u32 = said.header("retry-after").expect("when to come again").parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    assert!(String::from_utf8_lossy(&said.body).contains(&format!("limit of {policy}")), "{said:?}");
}

gwtest!(requests_are_counted_over_all_sources_and_across_a_reload, async |dir| {
    let limits = "\n[limits]\nrequests = \"3/min\"";
    let site = Site::start(&dir, limits).await;
    for (number, source) in [(1, HERE), (2, ELSEWHERE), (3, HERE)] {
        assert_eq!(post_from(&site, source, &message(&site, number)).await.status(), 200);
    }
    put_off(&ask(&site, HERE, &message(&site, 4)).await.1, "requests");
    put_off(&ask(&site, ELSEWHERE, &message(&site, 4)).await.1, "requests");
    write(&dir, &site.server.url(), &format!("subject = \"Changed\"{limits}"), "live");
    dir.run_well(&["reload", "--config", "gangway.toml"]);
    put_off(&ask(&site, HERE, &message(&site, 4)).await.1, "requests");
    drain(&site.gateway.erp(), "erp", 3).await;
    let metrics = site.gateway.private().get("/metrics").await.unwrap().text();
    assert!(metrics.contains("as2_refused_total{code=\"A2D-0104\"} 3"), "{metrics}");
});

gwtest!(who_only_claims_to_be_the_partner_uses_up_nothing_of_its_share, async |dir| {
    let site = Site::start(&dir, "\n[limits]\nrequests = \"5/min\"").await;
    let mut forged = message(&site, 1);
    *forged.http.body.last_mut().unwrap() ^= 1;
    for _ in 0..5 {
        assert_eq!(post_from(&site, ELSEWHERE, &forged).await.status(), 200);
    }
    put_off(&ask(&site, ELSEWHERE, &forged).await.1, "requests");
    for number in 1..=5 {
        assert_eq!(proven(&site.post(&message(&site, number)).await), Disposition::Processed);
    }
    put_off(&ask(&site, HERE, &forged).await.1, "requests");
    drain(&site.gateway.erp(), "erp", 5).await;
});

gwtest!(bytes_of_an_hour_are_counted, async |dir| {
    let site = Site::start(&dir, "\n[limits]\nbytes_per_hour = \"8 KiB\"").await;
    let size = message(&site, 1).http.body.len() as u32;
    let fit = (8 << 10) / size;
    for number in 1..=fit {
        assert_eq!(proven(&site.post(&message(&site, number)).await), Disposition::Processed);
    }
    put_off(&ask(&site, HERE, &message(&site, 99)).await.1, "bytes");
    drain(&site.gateway.erp(), "erp", fit as usize).await;
});

gwtest!(bodies_on_their_way_are_counted_by_source, async |dir| {
    let site = Site::start(&dir, "\n[limits]\nuploads = 2").await;
    let mut under_way = Vec::new();
    for _ in 0..2 {
        let (stream, said) = ask(&site, HERE, &message(&site, 1)).await;
        assert_eq!(said.status(), 100);
        under_way.push(stream);
    }
    put_off(&ask(&site, HERE, &message(&site, 2)).await.1, "uploads");
    assert_eq!(post_from(&site, ELSEWHERE, &message(&site, 2)).await.status(), 200);
    // A place is free again when its body has come.
    let outgoing = message(&site, 3);
    let mut stream = under_way.pop().unwrap();
    drop(under_way);
    wire::write(&mut stream, &outgoing.http.body[..10]).await.unwrap();
    drop(stream);
    let again = crate::util::wait_for("a place", async || {
        let (stream, said) = ask(&site, HERE, &outgoing).await;
        (said.status() == 100).then_some(stream)
    });
    let mut stream = again.await;
    wire::write(&mut stream, &outgoing.http.body).await.unwrap();
    assert_eq!(wire::read(&mut stream).await.unwrap().unwrap().status(), 200);
    drain(&site.gateway.erp(), "erp", 2).await;
});

gwtest!(documents_over_the_days_are_taken_all_the_same, async |dir| {
    let site = Site::start(&dir, "\n[limits]\ndocuments = \"1/day\"").await;
    for number in 1..=3 {
        assert_eq!(proven(&site.post(&message(&site, number)).await), Disposition::Processed);
    }
    drain(&site.gateway.erp(), "erp", 3).await;
    // The second and the third had to wait a little, and somebody can see it.
    let metrics = site.gateway.private().get("/metrics").await.unwrap().text();
    assert!(metrics.contains("over_quota_total 2"), "{metrics}");
});

mod behind_a_balancer {
    use super::*;

    /// A PROXY header of version 2 for a client.
    fn binary(client: [u8; 4]) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([0x21, 0x11, 0, 12]);
        header.extend([&client[..], &[198, 51, 100, 9], &[0x30, 0x39], &[0x01, 0xbb]].concat());
        header
    }

    gwtest!(who_the_proxy_header_names_is_who_it_comes_from, async |dir| {
        let acme = partner(parties::acme());
        write(&dir, "http://127.0.0.1:1/as2", "receipt = \"none\"\nfrom = [\"192.0.2.0/24\"]", "live");
        let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
        let behind = settings.replace("[public]", "[public]\nproxy_protocol = [\"127.0.0.1\"]");
        dir.create("gangway.toml", behind);
        let gateway = Gateway::start(&dir).await;
        let post = async |number: u32, source: [u8; 4], header: &[u8], more: &[(String, String)]| {
            let outgoing = acme.message(&[document(&x12(number))], &As2Form::default()).unwrap();
            let mut stream = connect_from(source, gateway.public_address()).await;
            wire::write(&mut stream, header).await.unwrap();
            let answer = wire::post_on(stream, &[&headers(&outgoing), more].concat(), &outgoing.http.body).await;
            assert_eq!(answer.status(), 200);
            let told = fields(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
            read(&acme, &told, answer.body).disposition
        };
        let partners = b"PROXY TCP4 192.0.2.7 198.51.100.9 12345 443\r\n";
        let strangers = b"PROXY TCP4 203.0.113.7 198.51.100.9 12345 443\r\n";
        assert_eq!(post(1, HERE, partners, &[]).await, Disposition::Processed);
        assert_eq!(post(2, HERE, &binary([192, 0, 2, 7]), &[]).await, Disposition::Processed);
        assert!(!post(3, HERE, strangers, &[]).await.is_accepted());
        assert!(!post(3, HERE, &binary([203, 0, 113, 7]), &[]).await.is_accepted());
        // The client behind the balancer is no balancer: what it says of itself counts for nothing.
        let forwarded = [("X-Forwarded-For".to_owned(), "192.0.2.7".to_owned())];
        assert!(!post(3, HERE, strangers, &forwarded).await.is_accepted());
        // From elsewhere a header is no HTTP, and without one the balancer's own connections are closed.
        for (source, first) in [(ELSEWHERE, &partners[..]), (HERE, b"")] {
            let mut stream = connect_from(source, gateway.public_address()).await;
            let text = [first, b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
            wire::write(&mut stream, &text).await.unwrap();
            let answer = wire::read(&mut stream).await;
            assert!(
                !answer.as_ref().is_ok_and(|said| said.as_ref().is_some_and(|said| said.status() == 200)),
                "{answer:?}"
            );
        }
        let mut stream = connect_from(ELSEWHERE, gateway.public_address()).await;
        wire::write(&mut stream, b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(wire::read(&mut stream).await.unwrap().unwrap().status(), 200);
        drain(&gateway.erp(), "erp", 2).await;
    });
}
