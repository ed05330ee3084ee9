//! An exchange and a record that do as a test tells them, and the listeners over them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use gangway::{
    config::Rate,
    console::{Console, requests_into},
    document::{DocumentType, EventId, MessageId, Mode},
    doors::rest::Rest,
    erp::Erp,
    exchange::{
        Arrival, Intake, NotTaken, Outlet, Recipient, Refused, Scribe, Submission, Taken as SubmissionTaken, Verdict,
    },
    keys::Secret,
    ledger::*,
    net::{self, App, Limits, Serving, Stop},
    observe::Metrics,
    partner::{ApiKeyHash, ApiVersion, Directory, Partner, RestTerms, Status},
    spool::Spool,
};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

pub const ACME: &str = "gw_live_acme";
pub const ACME_TEST: &str = "gw_test_acme";
pub const BOLT: &str = "gw_live_bolt";
pub const GONE: &str = "gw_live_gone";
pub const TOKEN: &str = "erp-token";

/// Takes no documents; what does is tried with the whole gateway.
pub struct NoWayOut;

#[async_trait]
impl Outlet for NoWayOut {
    async fn submit(&self, _: Submission, _: Arc<dyn Scribe>) -> std::result::Result<SubmissionTaken, NotTaken> {
        panic!("no test of a door hands documents over")
    }

    fn partner_of(&self, _: &Recipient) -> Option<String> {
        None
    }
}

/// The largest message of acme.
pub const CAP: u64 = 100_000;

fn partner(id: &str, status: Status, keys: &[&str]) -> Partner {
    Partner {
        id: id.into(),
        name: id.into(),
        status,
        vendor_number: None,
        message_size: CAP,
        requests: Rate::per_minute(600),
        documents: Rate::per_day(20_000),
        bytes_per_hour: 1 << 30,
        uploads: 64,
        x12: None,
        rest: Some(RestTerms {
            certificates: Vec::new(),
            oauth_clients: Vec::new(),
            webhook_endpoints: true,
            api_keys: keys.iter().map(|key| ApiKeyHash::of(key)).collect(),
            version: ApiVersion::NEWEST,
        }),
        as2: None,
        sftp: None,
        sftp_push: None,
        certification: Default::default(),
        webhook: None,
        cxml: None,
        send: gangway::partner::SendTerms::default(),
        mappings: Default::default(),
        template: None,
        digest: String::new(),
        stale: None,
    }
}

/// What the exchange does with the next arrivals.
#[derive(Debug, Clone, Default)]
pub enum Mood {
    #[default]
    Accept,
    Refuse(Refused),
    Panic,
}

/// The message that has a key, its digest, and its receipt.
type First = (MessageId, [u8; 32], Receipt);

/// Takes arrivals as [`Mood`] says; repetitions of a transport id get the first receipt.
#[derive(Default)]
pub struct FakeExchange {
    pub mood: Mutex<Mood>,
    pub taken: Mutex<Vec<Arrival>>,
    receipts: Mutex<HashMap<(String, String), First>>,
    /// Where it is there, each decision waits for a permit.
    pub hold: Mutex<Option<Arc<Semaphore>>>,
    pub waiting: AtomicUsize,
}

#[async_trait]
impl Intake for FakeExchange {
    async fn receive(&self, arrival: Arrival, scribe: Arc<dyn Scribe>) -> std::result::Result<Receipt, Refused> {
        self.waiting.fetch_add(1, SeqCst);
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.acquire().await.unwrap().forget();
        }
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Accept => {}
            Mood::Refuse(refused) => return Err(refused),
            Mood::Panic => panic!("as told"),
        }
        let claim = (arrival.connection.id.clone(), arrival.transport_id.clone());
        let mut receipts = self.receipts.lock().unwrap();
        let number = receipts.len() as u64 + 1;
        let message = MessageId::new(1_700_000_000_000 + number, 7);
        let receipt = scribe.receipt(&Verdict {
            message,
            at: arrival.at,
            state: MessageState::Accepted,
            mode: arrival.mode,
            documents: 1,
            problem: None,
            correlation: arrival.correlation.clone(),
        });
        let digest = arrival.body.digest;
        if let Some((first, known, stored)) = receipts.get(&claim) {
            return if *known == digest { Ok(stored.clone()) } else { Err(Refused::KeyReused { first: *first }) };
        }
        receipts.insert(claim, (message, digest, receipt.clone()));
        self.taken.lock().unwrap().push(arrival);
        Ok(receipt)
    }
}

/// A record in memory, of what the HTTP rooms ask for.
pub struct FakeLedger {
    pub messages: Mutex<Vec<Message>>,
    pub payloads: Mutex<HashMap<MessageId, Payload>>,
    pub documents: Mutex<Vec<Document>>,
    pub deliveries: Mutex<Vec<Delivery>>,
    pub queue: Mutex<Vec<Queued>>,
    pub nacked: Mutex<Vec<(LeaseToken, String, u32)>>,
    pub out: AtomicBool,
    pub no_room: watch::Sender<Option<String>>,
    pub leases: AtomicUsize,
    /// So many events of the log are looked at in one go.
    pub looks_at: AtomicUsize,
    /// Where it is there, each lease waits for a permit, after it was made.
    pub hold: Mutex<Option<Arc<Semaphore>>>,
    changed: watch::Sender<u64>,
}

/// An event of the consumer `erp`.
pub struct Queued {
    pub event: LogEvent,
    pub fence: u64,
    pub leased: bool,
    pub acked: bool,
}

impl Default for FakeLedger {
    fn default() -> Self {
        Self {
            messages: Mutex::default(),
            payloads: Mutex::default(),
            documents: Mutex::default(),
            deliveries: Mutex::default(),
            queue: Mutex::default(),
            nacked: Mutex::default(),
            out: AtomicBool::new(false),
            no_room: watch::Sender::default(),
            leases: AtomicUsize::new(0),
            looks_at: AtomicUsize::new(usize::MAX),
            hold: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }
}

pub fn id(number: u64) -> MessageId {
    MessageId::new(1_700_000_000_000 + number, 7)
}

pub fn message(number: u64, partner: &str) -> Message {
    Message {
        id: id(number),
        direction: Direction::In,
        channel: Channel::Rest,
        connection: partner.into(),
        partner: Some(partner.into()),
        transport_id: Some(format!("key-{number}")),
        filename: None,
        content_type: Some("application/edi-x12".into()),
        digest: "00".repeat(32),
        bytes: 3,
        interchange: Some("000000001".into()),
        at: Timestamp::from_millisecond(1_700_000_000_000 + number as i64).unwrap(),
        state: MessageState::Accepted,
        mode: Mode::Live,
        correlation: format!("cor_{number}"),
        config: "internal-digest".into(),
        problem: None,
        relates_to: None,
    }
}

pub fn document(message: MessageId, position: u32, number: &str) -> Document {
    Document {
        message,
        position,
        partner: Some("acme".into()),
        kind: Some(DocumentType::Invoice),
        format_kind: "810".into(),
        number: Some(number.into()),
        orders: vec!["PO/7".into()],
        state: DocumentState::Queued,
        range: (0, 3),
        digest: "00".repeat(32),
        problem: None,
        extras: None,
        mapping: Some("internal@digest".into()),
        event: Some(message.event(position, 0)),
        revision: 0,
    }
}

pub fn event(position: u64) -> LogEvent {
    LogEvent {
        position,
        id: id(position).event(0, 0),
        message: id(position),
        kind: "gangway.invoice.received.v1".into(),
        subject: format!("invoice/INV-{position}"),
        partner: "acme".into(),
        key: format!("acme/PO-{position}"),
        mode: Mode::Live,
        time: Timestamp::from_second(1_700_000_000).unwrap(),
        correlation: format!("cor_{position}"),
        replaces: None,
        data: Bytes::from_static(br#"{"number":"INV","total":"10.00"}"#),
    }
}

impl FakeLedger {
    pub fn release_event(&self, position: u64) {
        self.release(event(position));
    }

    pub fn release(&self, event: LogEvent) {
        self.queue.lock().unwrap().push(Queued { event, fence: 0, leased: false, acked: false });
        self.changed.send_modify(|n| *n += 1);
    }

    fn known(&self, consumer: &str) -> Result<()> {
        self.there()?;
        if consumer == "erp" { Ok(()) } else { Err(LedgerError::NotFound(format!("the consumer {consumer:?}"))) }
    }

    fn there(&self) -> Result<()> {
        if self.out.load(SeqCst) { Err(LedgerError::Unavailable("/srv/secret.db is gone".into())) } else { Ok(()) }
    }

    fn settle(&self, leases: Vec<LeaseToken>, act: impl Fn(&mut Queued)) -> Vec<AckOutcome> {
        let mut queue = self.queue.lock().unwrap();
        let outcome = |lease: LeaseToken| {
            let found = queue.iter_mut().find(|queued| queued.event.position == lease.position);
            match found {
                Some(queued) if queued.fence != lease.fence => AckOutcome::Stale,
                Some(queued) if queued.acked => AckOutcome::AlreadyAcked,
                Some(queued) if queued.leased => {
                    act(queued);
                    AckOutcome::Acked
                }
                _ => AckOutcome::Stale,
            }
        };
        leases.into_iter().map(outcome).collect()
    }
}

fn unused<T>() -> Result<T> {
    Err(LedgerError::Conflict("not asked of this record".into()))
}

#[async_trait]
impl Ledger for FakeLedger {
    async fn commit(&self, _: Entry) -> Result<Committed> {
        unused()
    }
    async fn append(&self, _: Slice) -> Result<Committed> {
        unused()
    }
    async fn finish(&self, _: MessageId, _: MessageState, _: Vec<Owed>, _: Vec<Fact>) -> Result<()> {
        unused()
    }
    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        unused()
    }
    async fn revise(&self, _: Revision) -> Result<Committed> {
        unused()
    }
    async fn message(&self, id: MessageId) -> Result<Option<Message>> {
        self.there()?;
        Ok(self.messages.lock().unwrap().iter().find(|m| m.id == id).cloned())
    }
    async fn messages(&self, f: MessageFilter, before: Option<MessageId>, limit: usize) -> Result<Vec<Message>> {
        self.there()?;
        let mut found: Vec<_> = self.messages.lock().unwrap().clone();
        found.retain(|m| {
            f.partner.as_ref().is_none_or(|p| m.partner.as_ref() == Some(p))
                && f.state.is_none_or(|s| m.state == s)
                && f.direction.is_none_or(|d| m.direction == d)
                && f.relates_to.is_none_or(|r| m.relates_to == Some(r))
                && f.message_id.as_ref().is_none_or(|t| m.transport_id.as_ref() == Some(t))
                && f.isa13.as_ref().is_none_or(|i| m.interchange.as_ref() == Some(i))
                && f.from.is_none_or(|t| m.at >= t)
                && f.to.is_none_or(|t| m.at < t)
                && before.is_none_or(|b| m.id < b)
        });
        found.sort_by_key(|m| std::cmp::Reverse(m.id));
        found.truncate(limit);
        Ok(found)
    }
    async fn payload(&self, id: MessageId) -> Result<Option<Payload>> {
        Ok(self.payloads.lock().unwrap().get(&id).cloned())
    }
    async fn receipt(&self, _: MessageId) -> Result<Option<Receipt>> {
        unused()
    }
    async fn documents(&self, id: MessageId, from: u32, limit: usize) -> Result<Vec<Document>> {
        let all = self.documents.lock().unwrap();
        Ok(all.iter().filter(|d| d.message == id && d.position >= from).take(limit).cloned().collect())
    }
    async fn timeline(&self, _: MessageId) -> Result<Vec<Fact>> {
        Ok(vec![Fact { at: Timestamp::UNIX_EPOCH, what: "received".into(), detail: "x".into() }])
    }
    async fn note(&self, _: MessageId, _: Vec<Fact>) -> Result<()> {
        unused()
    }
    async fn documents_by_number(&self, number: &str, filter: NumberFilter, limit: usize) -> Result<Vec<Document>> {
        let all = self.documents.lock().unwrap();
        let named = all.iter().filter(|d| d.orders.iter().any(|o| o == number) && filter.fits(d));
        let mut newest: Vec<_> = named.rev().take(limit).cloned().collect();
        newest.reverse();
        Ok(newest)
    }
    async fn declare(&self, _: Vec<Consumer>) -> Result<()> {
        unused()
    }
    async fn lease(&self, consumer: &str, max: usize, _: u32, _: Timestamp) -> Result<Vec<LeasedEvent>> {
        self.known(consumer)?;
        let leased: Vec<_> = {
            let mut queue = self.queue.lock().unwrap();
            let free = queue.iter_mut().filter(|queued| !queued.leased && !queued.acked).take(max);
            free.map(|queued| {
                queued.leased = true;
                queued.fence += 1;
                let lease = LeaseToken { position: queued.event.position, fence: queued.fence };
                LeasedEvent { lease, attempt: queued.fence as u32, event: queued.event.clone() }
            })
            .collect()
        };
        self.leases.fetch_add(1, SeqCst);
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.acquire().await.unwrap().forget();
        }
        Ok(leased)
    }
    async fn ack(&self, consumer: &str, leases: Vec<LeaseToken>, _: Timestamp) -> Result<Vec<AckOutcome>> {
        self.known(consumer)?;
        Ok(self.settle(leases, |queued| queued.acked = true))
    }
    async fn nack(&self, consumer: &str, lease: LeaseToken, why: &str, secs: u32, _: Timestamp) -> Result<AckOutcome> {
        self.known(consumer)?;
        let outcome = self.settle(vec![lease], |queued| queued.leased = false);
        self.nacked.lock().unwrap().push((lease, why.into(), secs));
        self.changed.send_modify(|n| *n += 1);
        Ok(outcome[0])
    }
    async fn extend(&self, consumer: &str, leases: Vec<LeaseToken>, _: u32, _: Timestamp) -> Result<Vec<AckOutcome>> {
        self.known(consumer)?;
        Ok(self.settle(leases, |_| {}))
    }
    async fn log(&self, after: u64, filter: LogFilter, limit: usize) -> Result<LogPage> {
        self.there()?;
        let queue = self.queue.lock().unwrap();
        let mut page = LogPage { reached: after, is_end: true, ..LogPage::default() };
        let ahead = queue.iter().map(|queued| &queued.event).filter(|event| event.position > after);
        for (looked, event) in ahead.enumerate() {
            if page.events.len() == limit || looked == self.looks_at.load(SeqCst) {
                page.is_end = false;
                break;
            }
            page.reached = event.position;
            let fits = filter.partner.as_ref().is_none_or(|p| *p == event.partner)
                && filter.kind.as_ref().is_none_or(|k| *k == event.kind);
            page.events.extend(fits.then(|| event.clone()));
        }
        Ok(page)
    }
    async fn queue_stats(&self, consumer: &str, _: Timestamp) -> Result<QueueStats> {
        self.known(consumer)?;
        let queue = self.queue.lock().unwrap();
        Ok(QueueStats {
            consumer: consumer.into(),
            depth: queue.iter().filter(|queued| !queued.acked).count() as u64,
            leased: queue.iter().filter(|queued| queued.leased && !queued.acked).count() as u64,
            parked: 0,
            oldest: None,
            head: queue.len() as u64,
        })
    }
    async fn peek(&self, consumer: &str, _: usize) -> Result<Vec<KeyState>> {
        self.known(consumer)?;
        Ok(Vec::new())
    }
    async fn parked(&self, consumer: &str) -> Result<Vec<Parked>> {
        self.known(consumer)?;
        Ok(Vec::new())
    }
    async fn release(&self, _: &str, _: u64, _: &str, _: &str, _: Timestamp) -> Result<()> {
        unused()
    }
    async fn skip(&self, _: &str, _: u64, _: &str, _: &str, _: Timestamp) -> Result<()> {
        unused()
    }
    async fn given_up(&self, _: &str, _: u64, _: usize) -> Result<Vec<GivenUp>> {
        unused()
    }
    async fn put_back(&self, _: &str, _: u64, _: &str, _: &str, _: Timestamp) -> Result<()> {
        unused()
    }
    fn no_room(&self) -> watch::Receiver<Option<String>> {
        self.no_room.subscribe()
    }
    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
    async fn owing(&self) -> Result<Vec<String>> {
        unused()
    }
    async fn owed(&self, _: &str, _: u64, _: usize) -> Result<Vec<(u64, Owed)>> {
        unused()
    }
    async fn owed_of(&self, _: &str, _: MessageId) -> Result<Vec<(u64, Owed)>> {
        unused()
    }
    async fn is_owed(&self, _: u64) -> Result<bool> {
        unused()
    }
    async fn next_number(&self, _: &NumberSeries) -> Result<u64> {
        unused()
    }
    async fn issue(&self, _: Outgoing) -> Result<bool> {
        unused()
    }
    async fn deliveries(&self, id: MessageId) -> Result<Vec<Delivery>> {
        Ok(self.deliveries.lock().unwrap().iter().filter(|d| d.message == id).cloned().collect())
    }
    async fn deliver(&self, attempt: Attempt) -> Result<bool> {
        let mut all = self.deliveries.lock().unwrap();
        all.iter_mut().filter(|d| d.id == attempt.delivery).for_each(|d| d.state = attempt.state);
        Ok(true)
    }
    async fn all_deliveries(&self, _: DeliveryFilter, _: Option<u64>, _: usize) -> Result<Vec<Delivery>> {
        unused()
    }
    async fn redeliver(&self, _: MessageId, _: Timestamp, _: AuditRecord) -> Result<Delivery> {
        unused()
    }
    async fn cancel(&self, _: u64, _: AuditRecord) -> Result<()> {
        unused()
    }
    async fn reissue(&self, _: Vec<MessageId>, _: Vec<Owed>, _: AuditRecord) -> Result<()> {
        unused()
    }
    async fn untold(&self, _: usize) -> Result<Vec<Delivery>> {
        unused()
    }
    async fn tell(&self, _: News) -> Result<bool> {
        unused()
    }
    async fn due_watches(&self, _: Timestamp, _: usize) -> Result<Vec<(u64, Watch)>> {
        unused()
    }
    async fn issued(&self, _: &NumberSeries, _: u64) -> Result<Vec<MessageId>> {
        unused()
    }
    async fn numbers(&self) -> Result<Vec<(NumberSeries, u64)>> {
        unused()
    }
    async fn begin_number(&self, _: &NumberSeries, _: u64) -> Result<()> {
        unused()
    }
    async fn advance_number(&self, _: &NumberSeries, _: u64, _: AuditRecord) -> Result<()> {
        unused()
    }
    async fn holders(&self, _: Vec<Claim>) -> Result<Vec<Taken>> {
        unused()
    }
    async fn event(&self, _: EventId) -> Result<Option<LogEvent>> {
        unused()
    }
    async fn due_deliveries(&self, _: Timestamp, _: Vec<String>, _: usize) -> Result<Vec<Delivery>> {
        unused()
    }
    async fn deliveries_paused(&self) -> Result<Option<String>> {
        Ok(None)
    }
    async fn resume_deliveries(&self, _: &str, _: &str, _: Timestamp) -> Result<()> {
        unused()
    }
    async fn audit(&self, _: AuditRecord) -> Result<()> {
        unused()
    }
    async fn audit_log(&self, _: usize) -> Result<Vec<AuditRecord>> {
        unused()
    }
    async fn backup(&self, _: &Path, _: Vec<OwnFile>) -> Result<()> {
        unused()
    }
    async fn remember(&self, _: &'static str, _: &str, _: Bytes) -> Result<()> {
        unused()
    }
    async fn recall(&self, _: &'static str, _: &str) -> Result<Option<Bytes>> {
        unused()
    }
    async fn remembered(&self, _: &'static str) -> Result<Vec<(String, Bytes)>> {
        unused()
    }
    async fn forget(&self, _: &'static str, _: &str) -> Result<()> {
        unused()
    }
    async fn close(&self) -> Result<()> {
        unused()
    }
    fn payload_folder(&self) -> Option<&Path> {
        None
    }
}

/// Both sides, over the same exchange and record.
pub struct House<L = FakeLedger> {
    pub exchange: Arc<FakeExchange>,
    pub ledger: Arc<L>,
    pub metrics: Arc<Metrics>,
    pub folder: tempfile::TempDir,
    pub stop: Stop,
    pub public: Serving,
    pub private: Serving,
}

impl House<FakeLedger> {
    pub async fn open() -> Self {
        Self::open_with(Limits::default()).await
    }

    pub async fn open_with(limits: Limits) -> Self {
        Self::over(Arc::new(FakeLedger::default()), limits).await
    }
}

impl<L: Ledger> House<L> {
    /// Over this record.
    pub async fn over(ledger: Arc<L>, limits: Limits) -> Self {
        Self::with(ledger, limits, Rest::router).await
    }

    /// Over this record, with the suppliers' side opened so.
    pub async fn with(ledger: Arc<L>, limits: Limits, open: impl FnOnce(Rest) -> Router) -> Self {
        let exchange = Arc::new(FakeExchange::default());
        let metrics = Arc::new(Metrics::new());
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::new(folder.path(), 1000, 1 << 20).unwrap());
        let directory = Directory::of([
            partner("acme", Status::Live, &[ACME, ACME_TEST]),
            partner("bolt", Status::Live, &[BOLT]),
            partner("gone", Status::Suspended, &[GONE]),
        ]);
        let stop = Stop::new();
        let rest = Rest::new(
            Arc::new(ArcSwap::from_pointee(directory)),
            exchange.clone(),
            ledger.clone(),
            spool,
            metrics.clone(),
        );
        let erp = Erp::new(
            vec![Secret::new(TOKEN), Secret::new("second")],
            ledger.clone(),
            Arc::new(NoWayOut),
            &metrics,
            stop.clone(),
        );
        let console = Console {
            ledger: ledger.clone(),
            metrics: metrics.clone(),
            consumers: vec!["erp".into()],
            listeners: vec![("public http".into(), "127.0.0.1:8080".into())],
            stale: Box::new(|| vec!["bolt".into()]),
            started: Instant::now(),
            stop: stop.clone(),
        };
        let pages = || net::pages(|code| gangway::error::pages(net::EXPLAIN).find(|page| page.code == code));
        let public = App::new("public", open(rest).merge(pages())).watched(requests_into(metrics.clone()));
        let private = erp.router().merge(console.router()).merge(pages());
        let private = App::new("private", private).watched(requests_into(metrics.clone()));
        let serve = async |app, limits| {
            let listener = net::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
            net::serve(listener, app, None, limits, stop.clone()).unwrap()
        };
        let public = serve(public, limits.clone()).await;
        let private = serve(private, limits).await;
        Self { exchange, ledger, metrics, folder, stop, public, private }
    }

    pub fn public(&self) -> SocketAddr {
        self.public.address()
    }

    pub fn private(&self) -> SocketAddr {
        self.private.address()
    }
}
