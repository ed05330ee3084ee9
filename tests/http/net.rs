//! Listeners: hostile peers, crowds, and the end.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use gangway::net::{self, App, Drained, FileBody, Limits, Serving, Stop};
use http_body_util::{BodyExt, Limited};
use tokio::sync::Semaphore;

use super::wire::{PATIENCE, Wire, ask, request, until_closed};

/// `GET /` answers, `GET /held` waits for a permit, `POST /read` reads its body, `POST /refuse` does not.
async fn serve(limits: Limits, stop: &Stop, hold: &Arc<Semaphore>) -> Serving {
    let hold = Arc::clone(hold);
    let held = move || async move {
        hold.acquire().await.unwrap().forget();
        "released"
    };
    #[allow(clippy::disallowed_methods, reason = "capped")]
    let read = |body: Body| async move {
        match Limited::new(body, 1 << 20).collect().await {
            Ok(body) => Ok(format!("{} bytes", body.to_bytes().len())),
            Err(error) if net::is_too_slow(&*error) => Err(net::problem::TOO_SLOW.because("Too slow.")),
            Err(_) => Err(net::problem::INTERRUPTED.because("Broken off.")),
        }
    };
    let router = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/held", get(held))
        .route("/read", post(read))
        .route("/refuse", post(|| async { net::problem::TOO_LARGE.because("Too large.") }));
    let listener = net::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    net::serve(listener, App::new("test", router), None, limits, stop.clone()).unwrap()
}

fn none() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

#[tokio::test]
async fn half_a_head_is_not_waited_for_and_costs_nobody_else() {
    let limits = Limits { first_request: Duration::from_millis(150), ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let mut silent = Wire::connect(serving.address()).await;
    let mut half = Wire::connect(serving.address()).await;
    half.send("GET / HTTP/1.1\r\nHost: te").await;
    let mut preface = Wire::connect(serving.address()).await;
    preface.send("PRI * HTTP/2.0\r\n").await;
    assert_eq!(ask(serving.address(), "GET", "/", &[], "").await.status, 200);
    for wire in [&mut silent, &mut half, &mut preface] {
        assert_eq!(wire.until_closed().await, b"");
    }
}

#[tokio::test]
async fn a_head_in_drips_ends_too() {
    let limits = Limits { first_request: Duration::from_millis(150), ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let (mut read, mut write) = Wire::connect(serving.address()).await.0.into_split();
    let drips = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        for byte in b"GET / HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'a')) {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(until_closed(&mut read).await, b"");
    drips.abort();
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_is_kept() {
    let limits = Limits { idle: Duration::from_millis(150), ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let mut wire = Wire::connect(serving.address()).await;
    for _ in 0..3 {
        assert_eq!(wire.send(request("GET", "/", &[], b"")).await.answer().await.body, b"here");
    }
    assert_eq!(wire.until_closed().await, b"");
}

#[tokio::test]
async fn a_body_that_stops_is_408() {
    let limits = Limits { body_idle: Duration::from_millis(100), ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let mut wire = Wire::connect(serving.address()).await;
    wire.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "NET-0105"));
    wire.until_closed().await;
}

#[tokio::test]
async fn a_body_in_drips_is_408_though_it_never_stops() {
    let limits = Limits { body_grace: Duration::from_millis(200), body_rate: 1_000_000, ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let mut wire = Wire::connect(serving.address()).await;
    wire.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await;
    let (mut read, mut write) = wire.0.into_split();
    let drips = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut head = [0; 12];
    use tokio::io::AsyncReadExt;
    tokio::time::timeout(PATIENCE, read.read_exact(&mut head)).await.expect("an answer").unwrap();
    assert_eq!(&head, b"HTTP/1.1 408");
    drips.abort();
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 20).unwrap();
    let path = file.path().to_owned();
    let large = move || async move { Body::new(FileBody::open(path).await.unwrap()) };
    let stop = Stop::new();
    let router = Router::new().route("/", get(large));
    let listener = net::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let tick = Duration::from_millis(100);
    let limits = Limits { stall: Duration::from_millis(300), crowded_idle: tick, ..Limits::default() };
    let serving = net::serve(listener, App::new("test", router), None, limits, stop.clone()).unwrap();
    let mut wire = Wire::connect(serving.address()).await;
    wire.send(request("GET", "/", &[], b"")).await;
    // Long enough for the sockets' buffers to fill; then nothing moves any more, and nobody waits for us.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let got = wire.until_closed().await;
    assert!(got.len() < 64 << 20, "the answer came whole: {}", got.len());
}

#[tokio::test]
async fn when_all_places_are_taken_the_idle_make_room() {
    let limits = Limits { connections: 2, crowded_idle: Duration::from_millis(100), ..Limits::default() };
    let serving = serve(limits, &Stop::new(), &none()).await;
    let _silent = Wire::connect(serving.address()).await;
    let mut idle = Wire::connect(serving.address()).await;
    assert_eq!(idle.send(request("GET", "/", &[], b"")).await.answer().await.status, 200);
    // Both places are taken; the third is served once one of them is free.
    assert_eq!(ask(serving.address(), "GET", "/", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_refusal_reaches_even_a_peer_that_is_still_sending() {
    let serving = serve(Limits::default(), &Stop::new(), &none()).await;
    let mut wire = Wire::connect(serving.address()).await;
    let body = vec![b'x'; 8 << 20];
    wire.send(format!("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    // All of it is sent before anything is read. With a reset, either would fail.
    wire.send(&body).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "NET-0103"));
}

#[tokio::test]
async fn the_end_finishes_what_is_in_flight_and_takes_nothing_new() {
    let (stop, hold) = (Stop::new(), none());
    let serving = serve(Limits::default(), &stop, &hold).await;
    let address = serving.address();
    let mut idle = Wire::connect(address).await;
    idle.send(request("GET", "/", &[], b"")).await.answer().await;
    let mut busy = Wire::connect(address).await;
    busy.send(request("GET", "/held", &[], b"")).await;
    // A second answer on a connection of its own shows that the first request has been taken up.
    ask(address, "GET", "/", &[], "").await;
    stop.stop();
    let finishing = tokio::spawn(serving.finish(PATIENCE));
    assert_eq!(idle.until_closed().await, b"");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
    hold.add_permits(1);
    assert_eq!(busy.answer().await.body, b"released");
    assert_eq!(finishing.await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn what_is_not_finished_in_time_is_cut() {
    let stop = Stop::new();
    let serving = serve(Limits::default(), &stop, &none()).await;
    let mut busy = Wire::connect(serving.address()).await;
    busy.send(request("GET", "/held", &[], b"")).await;
    ask(serving.address(), "GET", "/", &[], "").await;
    stop.stop();
    assert_eq!(serving.finish(Duration::from_millis(100)).await, Drained { cut: 1 });
    assert_eq!(busy.until_closed().await, b"");
}

/// Runs the test below in a process of its own, with few descriptors to have.
#[test]
fn a_listener_outlives_running_out_of_descriptors() {
    let this = std::env::current_exe().unwrap();
    let name = "http::net::in_a_process_with_few_descriptors";
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" --exact --ignored --nocapture \"$1\""])
        .arg(this)
        .arg(name)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "run by the test above, in a process with few descriptors"]
async fn in_a_process_with_few_descriptors() {
    let serving = serve(Limits::default(), &Stop::new(), &none()).await;
    // The blocking calls below need a thread and its descriptors before there are none left.
    tokio::task::spawn_blocking(|| {}).await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    // Connected by the system, but nobody can accept it yet.
    let mut wire = Wire(socket.connect(serving.address()).await.unwrap());
    wire.send(request("GET", "/", &[], b"")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(std::fs::File::open("/dev/null").is_err(), "there were descriptors left");
    drop(hoard);
    assert_eq!(wire.answer().await.body, b"here");
    assert_eq!(ask(serving.address(), "GET", "/", &[], "").await.status, 200);
}
