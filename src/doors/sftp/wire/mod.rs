//! SSH and SFTP as the libraries speak them. Nothing else knows russh: its API changes every few weeks.
//!
//! What the libraries do not do by themselves is done here: a deadline for logins, an end for peers that stand still, a
//! bounded queue in both directions ([`pump`]), and an end of the session at the first packet that cannot be read.

mod client;
mod host_keys;
mod legacy;
mod packets;
mod pump;
mod short_key;
mod stream;

pub(super) use client::{Entry, Fault, Line, Met, ON_THE_WAY, Unmet};
pub use host_keys::HostKeys;
pub(super) use host_keys::own_key_fault;

use std::{
    borrow::Cow,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, MethodKind, MethodSet, Preferred,
    SshId, cipher, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg},
    mac,
    server::{self, Auth, ChannelOpenHandle, Config, Msg, PublicKeyOffer, VerifiedPublicKey},
};
use tokio::{
    net::TcpStream,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot},
    time::{sleep, timeout},
};

use self::{
    legacy::Overheard,
    packets::{LONGEST, Said},
    pump::{Packets, Queue},
    stream::Cuttable,
};
use super::{
    Door, codes,
    events::{Broken, LoggedIn, LoggedInWeakly, LoginRefused},
    guard::{Denied, by_key},
    home::Home,
    session::Session,
};
use crate::{
    net::{NoOrigin, Stop},
    partner::{Partner, SftpTerms},
};

/// Channels of one connection at one time.
const CHANNELS: u32 = 8;
/// How long a write may wait before the queue is let grow for it.
const HICCUP: Duration = Duration::from_millis(5);

/// What a packet says, in words.
pub(super) fn in_words(packet: bytes::Bytes) -> Option<String> {
    packets::read(packet).ok().map(|said| format!("{said:?}"))
}

/// What we offer, called or calling.
fn preferred() -> Preferred {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    Preferred {
        kex: Cow::Borrowed(&[
            kex::MLKEM768X25519_SHA256,
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::ECDH_SHA2_NISTP256,
            kex::ECDH_SHA2_NISTP384,
            kex::ECDH_SHA2_NISTP521,
            kex::DH_GEX_SHA256,
            kex::DH_G16_SHA512,
            kex::DH_G18_SHA512,
            kex::DH_G14_SHA256,
        ]),
        // Without `ssh-rsa`, whose signatures are SHA-1.
        key: Cow::Owned(vec![
            Algorithm::Ed25519,
            ecdsa(EcdsaCurve::NistP256),
            ecdsa(EcdsaCurve::NistP384),
            ecdsa(EcdsaCurve::NistP521),
            rsa(HashAlg::Sha512),
            rsa(HashAlg::Sha256),
        ]),
        cipher: Cow::Borrowed(&[
            cipher::CHACHA20_POLY1305,
            cipher::AES_128_GCM,
            cipher::AES_256_GCM,
            cipher::AES_256_CTR,
            cipher::AES_192_CTR,
            cipher::AES_128_CTR,
        ]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256]),
        ..Preferred::DEFAULT
    }
}

/// What connections of a server share.
pub(super) struct Configs {
    modern: Arc<Config>,
    /// With old algorithms behind the others.
    beside_old: Arc<Config>,
}

impl Configs {
    pub(super) fn new(keys: &HostKeys, idle: Duration) -> Self {
        Self {
            modern: Arc::new(config(keys, idle, preferred())),
            beside_old: Arc::new(config(keys, idle, legacy::beside(preferred()))),
        }
    }
}

fn config(keys: &HostKeys, idle: Duration, mut preferred: Preferred) -> Config {
    preferred.kex.to_mut().extend([kex::EXTENSION_SUPPORT_AS_SERVER, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER]);
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Gangway")),
        methods: methods(),
        auth_rejection_time: Duration::from_millis(500),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: keys.keys.clone(),
        preferred,
        max_auth_attempts: 12,
        inactivity_timeout: Some(idle),
        keepalive_interval: Some(idle / 4),
        keepalive_max: 3,
        nodelay: true,
        ..Config::default()
    }
}

/// Serves one connection to its end.
pub(super) async fn connection(
    door: Arc<Door>,
    configs: Arc<Configs>,
    mut stream: TcpStream,
    peer: SocketAddr,
    stop: Stop,
) {
    let limits = &door.limits;
    let source = match limits.balancers.origin(&mut stream, peer).await {
        Ok(origin) => origin.ip().to_canonical(),
        // A balancer that only looks whether the port is open says nothing, and closes.
        Err(NoOrigin::Read(error)) => return tracing::debug!(%peer, %error, "A balancer's connection said nothing."),
        Err(error) => return tracing::warn!(%peer, %error, "A balancer's connection is closed."),
    };
    if door.guard.is_banned(source, Instant::now()) {
        LoginRefused { code: codes::BANNED, partner: None, user: "", source }.emit(&door.telemetry);
        return;
    }
    if !door.guard.wait(source, limits.waiting_each, limits.waiting_all) {
        tracing::debug!(%source, "Too many connections wait for their login.");
        return;
    }
    let waiting = Waiting { door: Arc::clone(&door), source };
    let _ = stream.set_nodelay(true);
    // The stream is cut when this function ends, whatever the session still does.
    let (cut, told) = oneshot::channel::<()>();
    let overheard = legacy::is_wanted(&door.directory.load(), source, Timestamp::now()).then(Overheard::default);
    let config = Arc::clone(if overheard.is_some() { &configs.beside_old } else { &configs.modern });
    let stream = Cuttable::new(stream, async move { drop(told.await) }, limits.stall, overheard.clone());
    let settled = overheard.map(|overheard| (overheard, Arc::clone(&config)));
    let logged_in = Arc::new(Notify::new());
    let channels = Arc::new(Semaphore::new(CHANNELS as usize));
    let handler = Peer {
        door: Arc::clone(&door),
        source,
        settled,
        admitted: None,
        entered: None,
        failures: 0,
        logged_in: Arc::clone(&logged_in),
        channels: Arc::clone(&channels),
        opened: HashMap::new(),
        stop: stop.clone(),
    };
    let deadline = tokio::time::Instant::now() + limits.login;
    let session = match timeout(limits.login, server::run_stream(config, stream, handler)).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return tracing::debug!(%source, %error, "An SSH connection failed before its login."),
        Err(_) => return tracing::debug!(%source, "An SSH client said nothing."),
    };
    let handle = session.handle();
    let mut session = pin!(session);
    tokio::select! {
        biased;
        _ = &mut session => return,
        () = logged_in.notified() => {}
        () = tokio::time::sleep_until(deadline) => return tracing::debug!(%source, "An SSH client did not log in."),
        () = stop.stopped() => return,
    }
    drop(waiting);
    tokio::select! {
        _ = &mut session => return,
        () = stop.stopped() => {}
    }
    // Sessions end after the request that they are at.
    let _ = channels.acquire_many(CHANNELS).await;
    let _ = handle.disconnect(Disconnect::ByApplication, "the gateway is going down".into(), "en".into()).await;
    let _ = timeout(Duration::from_secs(1), session).await;
    drop(cut);
}

/// A connection that is not logged in yet.
struct Waiting {
    door: Arc<Door>,
    source: IpAddr,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.door.guard.waited(self.source);
    }
}

/// One of a partner's places for sessions.
struct Entered {
    door: Arc<Door>,
    home: Arc<Home>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.home.leave();
        self.door.telemetry.sessions.dec();
    }
}

/// The other end of a connection.
struct Peer {
    door: Arc<Door>,
    source: IpAddr,
    /// Where old algorithms were offered: what the client said, and what we did.
    settled: Option<(Overheard, Arc<Config>)>,
    admitted: Option<(Arc<Partner>, SftpTerms)>,
    entered: Option<Arc<Entered>>,
    failures: u32,
    logged_in: Arc<Notify>,
    channels: Arc<Semaphore>,
    opened: HashMap<ChannelId, (Channel<Msg>, OwnedSemaphorePermit)>,
    stop: Stop,
}

type Admitted = Result<(Arc<Partner>, SftpTerms), Denied>;

impl Peer {
    fn judge(&mut self, user: &str, method: &'static str, admitted: Admitted) -> Result<Auth, russh::Error> {
        let weak = match &self.settled {
            Some((overheard, config)) => overheard.settled(&config.preferred),
            None => Vec::new(),
        };
        let admitted = match admitted {
            Ok((partner, terms)) if !weak.is_empty() && !terms.may_be_weak(Timestamp::now()) => {
                Err(Denied { code: codes::WEAK, partner: Some(partner.id.clone()) })
            }
            admitted => admitted,
        };
        match admitted {
            Ok((partner, terms)) => {
                if !weak.is_empty() {
                    LoggedInWeakly { partner: &partner.id, user, source: self.source, algorithms: &weak }
                        .emit(&self.door.telemetry);
                }
                self.door.guard.succeeded(self.source);
                LoggedIn { partner: &partner.id, user, source: self.source, method }.emit(&self.door.telemetry);
                self.admitted = Some((partner, terms));
                Ok(Auth::Accept)
            }
            Err(denied) => {
                LoginRefused { code: denied.code, partner: denied.partner.as_deref(), user, source: self.source }
                    .emit(&self.door.telemetry);
                self.failures += 1;
                let banned = self.door.guard.failed(self.source, Instant::now());
                if banned || self.failures >= 6 { Err(russh::Error::Disconnect) } else { Ok(refused()) }
            }
        }
    }
}

impl server::Handler for Peer {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        Ok(refused())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let directory = self.door.directory.load_full();
        let admitted = self.door.guard.by_password(&directory, user, password, self.source).await;
        self.judge(user, "password", admitted)
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        // Clients offer every key they have; that is not a wrong login yet.
        let blob = offer.public_key.to_bytes().unwrap_or_default();
        let known = by_key(&self.door.directory.load(), user, &blob, self.source);
        let signs = |terms: &SftpTerms| may_sign(offer.algorithm, terms);
        Ok(if known.is_ok_and(|(_, terms)| signs(&terms)) { Auth::Accept } else { refused() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let blob = key.public_key.to_bytes().unwrap_or_default();
        let admitted = match by_key(&self.door.directory.load(), user, &blob, self.source) {
            Ok((partner, terms)) if !may_sign(key.algorithm, &terms) => {
                Err(Denied { code: codes::WEAK, partner: Some(partner.id.clone()) })
            }
            admitted => admitted,
        };
        self.judge(user, "key", admitted)
    }

    async fn auth_succeeded(&mut self, session: &mut server::Session) -> Result<(), russh::Error> {
        let Some((partner, terms)) = &self.admitted else { return Err(russh::Error::Disconnect) };
        let home = match self.door.home(&partner.id).await {
            Ok(home) => home,
            Err(error) => {
                tracing::error!(partner = partner.id, %error, "A partner's drop box cannot be opened.");
                return session.disconnect(Disconnect::ByApplication, "the drop box is not available now", "en");
            }
        };
        if !home.enter(terms.sessions) {
            LoginRefused { code: codes::SESSIONS, partner: Some(&partner.id), user: "", source: self.source }
                .emit(&self.door.telemetry);
            let text = format!("there are {} connections already: close one first", terms.sessions);
            return session.disconnect(Disconnect::TooManyConnections, &text, "en");
        }
        self.door.telemetry.sessions.inc();
        self.entered = Some(Arc::new(Entered { door: Arc::clone(&self.door), home }));
        self.logged_in.notify_one();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        // Without a place the reply is dropped, which refuses the channel.
        if let Ok(place) = Arc::clone(&self.channels).try_acquire_owned() {
            self.opened.insert(channel.id(), (channel, place));
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut server::Session) -> Result<(), russh::Error> {
        self.opened.remove(&id);
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        let (Some((partner, terms)), Some(entered), "sftp", Some((channel, place))) =
            (&self.admitted, &self.entered, name, self.opened.remove(&id))
        else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let entered = Arc::clone(entered);
        let own = Session::new(Arc::clone(&self.door), Arc::clone(partner), terms.clone(), Arc::clone(&entered.home));
        let (stop, door) = (self.stop.clone(), Arc::clone(&self.door));
        let handle = session.handle();
        tokio::spawn(async move {
            let (reader, writer) = channel.split();
            if let Err(reason) = converse(reader, &writer, own, &stop).await {
                Broken { partner: &entered.home.id, reason: &reason }.emit(&door.telemetry);
                let _ = handle.disconnect(Disconnect::ProtocolError, reason, "en".into()).await;
            } else {
                let _ = writer.exit_status(0).await;
                let _ = writer.eof().await;
            }
            let _ = writer.close().await;
            drop((place, entered));
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut server::Session) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }
}

/// The SFTP loop of one channel: one request after the other, each answered before the next is looked at.
async fn converse(
    mut reader: ChannelReadHalf,
    writer: &ChannelWriteHalf<Msg>,
    mut session: Session,
    stop: &Stop,
) -> Result<(), String> {
    let queue = Arc::new(Queue::default());
    tokio::spawn({
        let queue = Arc::clone(&queue);
        async move {
            while let Some(message) = reader.wait().await {
                let goes_on = match message {
                    ChannelMsg::Data { data } => queue.push(data).await,
                    ChannelMsg::Eof | ChannelMsg::Close => false,
                    _ => true,
                };
                if !goes_on {
                    break;
                }
            }
            queue.end();
        }
    });
    let mut packets = Packets::new(Arc::clone(&queue), LONGEST);
    let ended = loop {
        let packet = tokio::select! {
            packet = packets.next() => packet,
            () = stop.stopped() => break Ok(()),
        };
        let said = match packet {
            Ok(Some(packet)) => packets::read(packet).map_err(|error| error.to_string()),
            Ok(None) => break Ok(()),
            Err(broken) => Err(broken.to_string()),
        };
        let answer = match said {
            Ok(Said::Hello) => packets::hello(),
            Ok(Said::Request(id, request)) => packets::write(id, session.answer(request).await),
            Err(reason) => break Err(reason),
        };
        let mut sending = pin!(writer.data_bytes(answer));
        let sent = tokio::select! {
            biased;
            sent = &mut sending => sent.is_ok(),
            () = sleep(HICCUP) => {
                // Only when the window stays shut: what comes behind may be what opens it.
                queue.writing(true);
                let sent = tokio::select! {
                    sent = &mut sending => sent.is_ok(),
                    () = queue.flooded() => break Err(pump::Broken::Flood.to_string()),
                };
                queue.writing(false);
                sent
            }
        };
        if !sent {
            break Ok(());
        }
    };
    queue.close();
    ended.inspect_err(|reason| tracing::debug!(partner = session.partner(), reason, "An SFTP session is closed."))
}

/// Whether a partner may sign so: with SHA-1 only as long as it may use what is old.
fn may_sign(algorithm: &Algorithm, terms: &SftpTerms) -> bool {
    *algorithm != Algorithm::Rsa { hash: None } || terms.may_be_weak(Timestamp::now())
}

fn methods() -> MethodSet {
    MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..])
}

/// A refusal that leaves every method open: otherwise one wrong password would end all of them.
fn refused() -> Auth {
    Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }
}
