//! RFC 9112 §5.2: header fields folded over several lines, as older mail libraries write them, on the AS2 door. What is
//! folded plainly is read; what could be a trick is refused as before.

use gangway::{
    as2::{disposition::Disposition, send::Outgoing},
    play::As2Form,
};
use tokio::{io::BufReader, net::TcpStream};

use super::{
    door::document,
    site::{Site, fields, read, x12},
    transport::{chunked, headers},
    wire::{self, Said, connect, head},
};
use crate::util::{drain, gwtest};

/// How a message is sent.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// What a folded line goes on with.
    blanks: &'static str,
    /// The size of the chunks, or with its length.
    chunk: Option<usize>,
    is_encrypted: bool,
}

/// A message with every parameter of the named fields on a line of its own, as it is on the wire.
fn folded(message: &Outgoing, manner: Manner) -> Vec<u8> {
    let mut folds = 0;
    let mut fields = headers(message);
    for (name, value) in &mut fields {
        match name.as_str() {
            "Content-Type" => *value = value.replace("; ", &format!(";\r\n{}", manner.blanks)),
            "Disposition-Notification-Options" => {
                *value = value.replace("; ", &format!(";\r\n{}", manner.blanks));
                *value = value.replace(", ", &format!(",\r\n{}", manner.blanks));
            }
            "Disposition-Notification-To" => *value = format!("\r\n{}{value}", manner.blanks),
            _ => {}
        }
        folds += value.matches("\r\n").count();
    }
    assert!(folds >= 4, "{fields:?}");
    let body = &message.http.body;
    let rest = match manner.chunk {
        None => [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat(),
        Some(size) => [&b"Transfer-Encoding: chunked\r\n\r\n"[..], &chunked(body, size)].concat(),
    };
    [head(&fields).as_bytes(), &rest].concat()
}

/// Reads an answer and proves by its signed receipt that the message was taken.
async fn taken(site: &Site, message: &Outgoing, stream: &mut BufReader<TcpStream>, manner: Manner) {
    let answer = wire::read(stream).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200, "{manner:?}: {}", String::from_utf8_lossy(&answer.body));
    let headers = fields(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let receipt = read(&site.acme, &headers, answer.body);
    let proven = message.expectation.check(&receipt);
    assert!(matches!(proven, Ok(Disposition::Processed)), "{manner:?}: {proven:?}");
}

gwtest!(folded_fields_are_read_on_a_kept_connection, async |dir| {
    let site = Site::start(&dir, "must_encrypt = false").await;
    let mut manners = Vec::new();
    for blanks in [" ", "\t", "\t  "] {
        for chunk in [None, Some(1000), Some(1)] {
            manners.extend([false, true].map(|is_encrypted| Manner { blanks, chunk, is_encrypted }));
        }
    }
    let message = |number: u32, manner: Manner| {
        let encrypt = As2Form::default().encrypt.filter(|_| manner.is_encrypted);
        let form = As2Form { encrypt, ..As2Form::default() };
        site.acme.message(&[document(&x12(number))], &form).unwrap()
    };
    // One after the other, each in two writes with the cut somewhere around a fold.
    let mut stream = connect(site.gateway.public_address()).await;
    for (number, manner) in (1..).zip(&manners) {
        let message = message(number, *manner);
        let sent = folded(&message, *manner);
        let fold = sent.windows(2).position(|two| two == b";\r").unwrap();
        let (first, second) = sent.split_at(fold + 1 + number as usize % 4);
        wire::write(&mut stream, first).await.unwrap();
        wire::write(&mut stream, second).await.unwrap();
        taken(&site, &message, &mut stream, *manner).await;
    }
    // And all at once, on the same connection still.
    let messages: Vec<_> = (101..).zip(&manners).map(|(number, manner)| (message(number, *manner), *manner)).collect();
    let all: Vec<u8> = messages.iter().flat_map(|(message, manner)| folded(message, *manner)).collect();
    wire::write(&mut stream, &all).await.unwrap();
    for (message, manner) in &messages {
        taken(&site, message, &mut stream, *manner).await;
    }
    drain(&site.gateway.erp(), "erp", 2 * manners.len()).await;
});

/// What is said to a request on a connection of its own.
async fn ask(site: &Site, request: &[u8]) -> Said {
    let mut stream = connect(site.gateway.public_address()).await;
    wire::write(&mut stream, request).await.unwrap();
    wire::read(&mut stream).await.unwrap().unwrap()
}

gwtest!(a_fold_near_the_framing_is_refused, async |dir| {
    let site = Site::start(&dir, "").await;
    let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    let manner = Manner { blanks: "\t", chunk: None, is_encrypted: true };
    let (head, body) = (head(&headers(&message)), &message.http.body);
    let length = format!("Content-Length: {}\r\n", body.len());
    let whole = |head: &str| [head.as_bytes(), b"\r\n", body].concat();
    for (what, head) in [
        ("a length", format!("{head}Content-Length:\r\n {}\r\n", body.len())),
        ("a host", format!("{head}{length}").replace("Host: ", "Host:\r\n\t")),
        ("the request line", format!("{head}{length}").replacen("\r\n", "\r\n X: y\r\n", 1)),
        ("before the colon", format!("{head}{length}X\r\n : y\r\n")),
        ("blanks only", format!("{head}{length}X: y\r\n \r\n")),
        ("what looks like a coding", format!("{head}{length}X: y\r\n Transfer-Encoding: chunked\r\n")),
    ] {
        assert_eq!(ask(&site, &whole(&head)).await.status(), 400, "{what}");
    }
    let coded = format!("{head}Transfer-Encoding:\r\n\tchunked\r\n\r\n");
    assert_eq!(ask(&site, &[coded.as_bytes(), &chunked(body, 100)].concat()).await.status(), 400, "a coding");
    // Nor is any other request unfolded than those that bring messages.
    let get = "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n";
    assert_eq!(ask(&site, get.as_bytes()).await.status(), 400);
    // Folds make no head longer than it may be.
    let endless = format!("{head}{length}X: y{}\r\n", "\r\n y".repeat(20 << 10));
    assert_eq!(ask(&site, &whole(&endless)).await.status(), 431);
    // Nothing of it was a message: the first that is plainly folded is new.
    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
    let mut stream = connect(site.gateway.public_address()).await;
    wire::write(&mut stream, &folded(&message, manner)).await.unwrap();
    taken(&site, &message, &mut stream, manner).await;
    drain(&site.gateway.erp(), "erp", 1).await;
});
