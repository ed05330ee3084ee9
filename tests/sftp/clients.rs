//! What partners do every day, and what happens when their line breaks.

use std::{collections::BTreeSet, fmt::Write, sync::atomic::Ordering::SeqCst, time::Duration};

use gangway::{
    config,
    config::Key,
    keys,
    ledger::MessageState,
    partner::{Complete, Fetched, Folder, FolderPath, SameFile},
};
use russh_sftp::protocol::{FileAttributes, OpenFlags};

use super::{
    raw::Raw,
    site::{Site, acme, noise, openssh, text},
};
use crate::util::wait_for;

const NEW: OpenFlags = OpenFlags::from_bits_truncate(0x02 | 0x08 | 0x10);

fn hex(bytes: &[u8]) -> String {
    keys::hex(&keys::sha256(bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordinary_day_with_openssh() {
    if !openssh("sftp: an_ordinary_day_with_openssh") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let alias = |terms: &mut gangway::partner::SftpTerms| {
        terms.folders.push((FolderPath::from_key("/pub/edi").unwrap(), Folder::Inbound));
        terms.folders.push((FolderPath::from_key("/tmp").unwrap(), Folder::Staging));
    };
    let site = Site::open(dir.path(), vec![acme(alias).await]).await;
    let small = noise(20_000, 1);
    let large = noise(3_000_000, 2);
    site.write("small.edi", &small);
    site.write("große Datei.edi", &large);
    site.write("empty.edi", b"");
    let listing = site
        .sftp_ok(
            "pwd\nls -l\ncd inbound\nput small.edi\nput \"große Datei.edi\"\nput -p small.edi dated.edi\nput empty.edi\n\
             put small.edi late.edi.filepart\nrename late.edi.filepart late.edi\nput small.edi gone.tmp\nrm gone.tmp\n\
             cd /pub/edi\nput small.edi alias.edi\nput small.edi /tmp/staged.edi\nrename /tmp/staged.edi /pub/edi/staged.edi\n\
             chmod 600 alias.edi\nls -l /inbound\nls -1 /\nget small.edi small.back\n",
        )
        .await;
    for name in ["small.edi", "große Datei.edi", "dated.edi", "empty.edi", "late.edi", "alias.edi", "staged.edi"] {
        assert!(listing.contains(name), "{name}: {listing}");
    }
    let listing: String = listing.lines().filter(|line| !line.starts_with("sftp>")).collect();
    assert!(
        !listing.contains("gone.tmp")
            && !listing.contains("filepart")
            && listing.contains("Remote working directory: /"),
        "{listing}"
    );
    assert_eq!(site.read("small.back"), small, "what was taken can still be looked at");
    let got = site.desk.got();
    let expected = [
        ("small.edi", &small),
        ("große Datei.edi", &large),
        ("dated.edi", &small),
        ("late.edi", &small),
        ("alias.edi", &small),
        ("staged.edi", &small),
    ];
    assert_eq!(got, expected.map(|(name, bytes)| (name.to_owned(), hex(bytes), bytes.len() as u64)));
    // Folders are what they are, and names that exist are not run over by a rename of version 3.
    let output = site.sftp("-mkdir inbound/sub\n-mkdir inbound\n-rmdir inbound\n-ln -s inbound/a inbound/b\n-get nothing\n-put small.edi outbound/x\n").await;
    // OpenSSH shows the codes of version 3 only; the words are for clients that show them.
    let said = text(&output.stderr);
    for (part, times) in [("Permission denied", 3), ("Operation unsupported", 1), ("not found", 1), ("Failure", 1)] {
        assert_eq!(said.matches(part).count(), times, "{part}: {said}");
    }
    assert_eq!(site.desk.got().len(), 6);
    assert_eq!(site.close().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_name_again_is_a_version_and_the_same_bytes_are_not() {
    if !openssh("sftp: versions") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let partners = vec![acme(|_| {}).await];
    let site = Site::open(dir.path(), partners.clone()).await;
    site.write("a.edi", b"one");
    site.sftp_ok("put a.edi inbound/a.edi\nput a.edi inbound/a.edi\n").await;
    site.write("a.edi", b"two");
    site.sftp_ok("put a.edi inbound/a.edi\n").await;
    assert_eq!(site.desk.names().len(), 2);
    site.close().await;
    // After a restart the name is still there, and its version goes on.
    let site = Site::open(dir.path(), partners).await;
    let listing = site.sftp_ok("ls -1 inbound\nls -1 receipts\nput a.edi inbound/a.edi\n").await;
    assert!(
        listing.contains("inbound/a.edi") && listing.contains("a.edi.v1.txt") && listing.contains("a.edi.v2.txt"),
        "{listing}"
    );
    assert_eq!(site.desk.names(), [""; 0]);
    site.write("a.edi", b"three");
    site.sftp_ok("put a.edi inbound/a.edi\n").await;
    let all = site.ledger.messages(gangway::ledger::MessageFilter::default(), None, 9).await.unwrap();
    let mut ids: Vec<_> = all.iter().filter_map(|message| message.transport_id.as_deref()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["inbound/a.edi;v1", "inbound/a.edi;v2", "inbound/a.edi;v3"]);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_file_says_so_the_same_bytes_are_new() {
    if !openssh("sftp: same_file") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|terms| terms.same_file = SameFile::New).await]).await;
    site.write("a.edi", b"one");
    site.sftp_ok("put a.edi inbound/a.edi\nput a.edi inbound/a.edi\n").await;
    assert_eq!(site.desk.names().len(), 2);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_downloads_with_default_settings_end_and_are_delivered() {
    if !openssh("sftp: downloads") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let content = noise(100 << 20, 3);
    let id = site.offer("acme", content.clone().into(), None).await;
    let other = site.offer("acme", noise(5000, 4).into(), None).await;
    let listing = site.sftp_ok("ls -1 outbound\n").await;
    let name = listing.lines().find(|line| line.contains(&id.to_string())).unwrap().trim().to_owned();
    assert_eq!(site.state(id).await, MessageState::Ready, "to list is not to fetch");
    // Half of it, then the rest: only then it is delivered.
    site.write("got", &content[..40 << 20]);
    let after = site.sftp_ok(&format!("reget {name} got\n")).await;
    assert_eq!(site.state(id).await, MessageState::Ready, "its first half was not read: {after}");
    let listing = site.sftp_ok(&format!("get {name} got\nls -1 outbound\nrm {name}\nls -1 outbound\n")).await;
    assert!(site.read("got") == content);
    assert_eq!(listing.matches(&id.to_string()).count(), 3, "its own session sees it until it removes it: {listing}");
    assert_eq!(site.state(id).await, MessageState::Delivered);
    assert_eq!(site.state(other).await, MessageState::Ready);
    let timeline = site.ledger.timeline(id).await.unwrap();
    assert!(timeline.last().unwrap().detail.contains("104857600 bytes"), "{timeline:?}");
    assert!(!site.sftp_ok("ls -1 outbound\n").await.contains(&id.to_string()));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_with_many_requests_under_way_ends_too() {
    // What hung every time: big reads, far ahead of the window.
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let content = noise(70 << 20, 5);
    let id = site.offer("acme", content.clone().into(), None).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = std::sync::Arc::new(raw.sftp().await);
    let folder = sftp.opendir("outbound").await.unwrap().handle;
    let names = sftp.readdir(folder).await.unwrap().files;
    let name = names.iter().map(|file| &file.filename).find(|name| name.contains(&id.to_string())).unwrap();
    let file = sftp.open(format!("outbound/{name}"), OpenFlags::READ, FileAttributes::empty()).await.unwrap().handle;
    let step = 200_000_usize;
    let mut tasks = tokio::task::JoinSet::new();
    for at in (0..content.len()).step_by(step) {
        let (sftp, file) = (sftp.clone(), file.clone());
        tasks.spawn(async move { (at, sftp.read(file, at as u64, step as u32).await.unwrap().data) });
    }
    while let Some(done) = tasks.join_next().await {
        let (at, data) = done.unwrap();
        assert!(data == content[at..(at + step).min(content.len())], "{at}");
    }
    sftp.close(file).await.unwrap();
    assert_eq!(site.state(id).await, MessageState::Delivered);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_file_says_so_only_removing_or_renaming_delivers() {
    if !openssh("sftp: fetched") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let change = |terms: &mut gangway::partner::SftpTerms| {
        terms.fetched = Fetched::Removed;
        terms.names = "po-{interchange}.x12".parse().unwrap();
    };
    let site = Site::open(dir.path(), vec![acme(change).await]).await;
    let one = site.offer("acme", noise(900, 1).into(), None).await;
    let two = site.offer("acme", noise(900, 2).into(), None).await;
    site.sftp_ok("get outbound/po-000000001.x12 got\n").await;
    assert_eq!(site.state(one).await, MessageState::Ready);
    site.sftp_ok("rm outbound/po-000000001.x12\nrename outbound/po-000000002.x12 outbound/done-2\n").await;
    assert_eq!((site.state(one).await, site.state(two).await), (MessageState::Delivered, MessageState::Delivered));
    assert_eq!(site.sftp_ok("ls -1 outbound\n").await.lines().filter(|line| !line.starts_with("sftp>")).count(), 0);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_hold_acknowledgements_and_a_report_about_each_file() {
    if !openssh("sftp: receipts") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    site.write("ship.edi", b"hello");
    site.sftp_ok("put ship.edi inbound\n").await;
    let came = site.ledger.messages(gangway::ledger::MessageFilter::default(), None, 1).await.unwrap().remove(0);
    let ack = site.offer("acme", noise(300, 1).into(), Some(came.id)).await;
    let listing = site
        .sftp_ok("ls -l receipts\nget receipts/ship.edi.v1.txt report\nget receipts/ship.edi.000000001.ack.edi ack\n")
        .await;
    let report = text(&site.read("report"));
    assert!(report.contains("file        ship.edi\r\n") && report.contains("result      accepted\r\n"), "{report}");
    assert!(report.contains(&came.id.to_string()) && listing.contains(&format!(" {} ", report.len())), "{listing}");
    assert_eq!(site.state(ack).await, MessageState::Delivered);
    let listing = site.sftp_ok("rm receipts/ship.edi.v1.txt\nls -1 receipts\n").await;
    assert_eq!(listing.lines().filter(|line| !line.starts_with("sftp>")).count(), 0, "{listing}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_small_files() {
    if !openssh("sftp: a_thousand_small_files") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    std::fs::create_dir(dir.path().join("many")).unwrap();
    for n in 0..1000 {
        site.write(&format!("many/{n:04}.edi"), &noise(2000 + n, n as u64));
    }
    let began = std::time::Instant::now();
    site.sftp_ok("put many/* inbound\n").await;
    println!("1000 files of 2.5 KB in one session: {:.2} s", began.elapsed().as_secs_f64());
    let got: BTreeSet<_> = site.desk.got().into_iter().map(|(name, digest, _)| (name, digest)).collect();
    let expected: BTreeSet<_> = (0..1000).map(|n| (format!("{n:04}.edi"), hex(&noise(2000 + n, n as u64)))).collect();
    assert!(got == expected && site.desk.got().len() == 1000);
    let listed = site.sftp_ok("ls -1 inbound\n").await;
    assert_eq!(listed.lines().filter(|line| line.contains(".edi")).count(), 1000);
    assert_eq!(parts(&site), 0, "nothing is left of what was taken");
    site.close().await;
}

fn parts(site: &Site) -> usize {
    let folders = std::fs::read_dir(site.folder.join("data/sftp/partial")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "part")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_cut_at_every_tenth_goes_on_where_it_ended_also_after_a_restart() {
    if !openssh("sftp: resume") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let partners = vec![acme(|_| {}).await];
    let mut site = Site::open(dir.path(), partners.clone()).await;
    let content = noise(1_000_003, 9);
    site.write("whole.edi", &content);
    for tenth in 1..10_usize {
        let name = format!("cut{tenth}.edi");
        let raw = Raw::login(site.address, "acme").await;
        let sftp = raw.sftp().await;
        let file = sftp.open(format!("inbound/{name}"), NEW, FileAttributes::empty()).await.unwrap().handle;
        let end = content.len() * tenth / 10;
        for at in (0..end).step_by(30_000) {
            sftp.write(&file, at as u64, content[at..(at + 30_000).min(end)].to_vec()).await.unwrap();
        }
        raw.cut();
        if tenth % 3 == 0 {
            assert_eq!(site.close().await, 0);
            site = Site::open(dir.path(), partners.clone()).await;
        }
        let size = wait_for("the file to be there for resume", async || {
            let raw = Raw::login(site.address, "acme").await;
            let stat = raw.sftp().await.stat(format!("inbound/{name}")).await.ok()?;
            stat.attrs.size
        });
        assert_eq!(size.await, end as u64, "every byte that was answered");
        assert!(!site.desk.names().contains(&name), "half a file is not handed on");
        site.sftp_ok(&format!("reput whole.edi inbound/{name}\n")).await;
        assert!(site.desk.got().contains(&(name, hex(&content), content.len() as u64)));
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_late_pieces_and_ends_without_a_trailer() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    let open = async |name: &str, flags| {
        let opened = sftp.open(format!("inbound/{name}"), flags, FileAttributes::empty()).await;
        opened.map(|opened| opened.handle)
    };
    // Out of order is fine, as long as all of it comes.
    let file = open("late", NEW).await.unwrap();
    sftp.write(&file, 3, b"def".to_vec()).await.unwrap();
    sftp.write(&file, 0, b"abc".to_vec()).await.unwrap();
    sftp.close(file).await.unwrap();
    assert_eq!(site.desk.got(), [("late".to_owned(), hex(b"abcdef"), 6)]);
    // A gap is not.
    let file = open("gap", NEW).await.unwrap();
    sftp.write(&file, 0, b"abc".to_vec()).await.unwrap();
    sftp.write(&file, 9, b"def".to_vec()).await.unwrap();
    let refused = sftp.close(file).await.unwrap_err().to_string();
    assert!(refused.contains("gap at byte 3"), "{refused}");
    assert_eq!(sftp.stat("inbound/gap").await.unwrap().attrs.size, Some(3));
    // Nor is an interchange that ends too soon; what is missing may follow.
    let isa = "ISA*00*          *00*          *ZZ*A              *ZZ*B              *261121*0101*U*00401*000000001*0*P*>~GS*PO~";
    let file = open("cut.x12", NEW).await.unwrap();
    sftp.write(&file, 0, isa.into()).await.unwrap();
    let refused = sftp.close(file).await.unwrap_err().to_string();
    assert!(refused.contains("IEA"), "{refused}");
    let refused = sftp.rename("inbound/cut.x12", "inbound/whole.x12").await.unwrap_err().to_string();
    assert!(refused.contains("not sent to its end"), "{refused}");
    let file = open("cut.x12", OpenFlags::WRITE | OpenFlags::APPEND).await.unwrap();
    sftp.write(&file, 0, b"GE*0*1~IEA*0*000000001~\r\n".to_vec()).await.unwrap();
    sftp.close(file).await.unwrap();
    assert_eq!(site.desk.names(), ["late", "cut.x12"]);
    // What was taken is not written on; and truncating a file that is open is what its client means.
    let refused = open("late", OpenFlags::WRITE).await.unwrap_err().to_string();
    assert!(refused.contains("taken already"), "{refused}");
    let file = open("short", NEW).await.unwrap();
    sftp.write(&file, 0, b"abcdef".to_vec()).await.unwrap();
    let attributes = FileAttributes { size: Some(2), ..FileAttributes::empty() };
    sftp.fsetstat(&file, attributes).await.unwrap();
    sftp.close(file).await.unwrap();
    assert_eq!(site.desk.got().last().unwrap(), &("short".to_owned(), hex(b"ab"), 2));
    // Renames of version 3 do not replace.
    let file = open("new.tmp", NEW).await.unwrap();
    sftp.write(&file, 0, b"x".to_vec()).await.unwrap();
    sftp.close(file).await.unwrap();
    assert!(sftp.rename("inbound/new.tmp", "inbound/late").await.is_err());
    sftp.rename("inbound/new.tmp", "inbound/new").await.unwrap();
    assert_eq!(site.desk.names().last().unwrap(), "new");
    // Two who write one file: the later has it, and bytes are never mixed.
    let (first, second) = (open("two", NEW).await.unwrap(), open("two", NEW).await.unwrap());
    sftp.write(&second, 0, b"second".to_vec()).await.unwrap();
    assert!(sftp.write(&first, 0, b"first".to_vec()).await.is_err());
    assert!(sftp.close(first).await.is_err());
    sftp.close(second).await.unwrap();
    assert_eq!(site.desk.got().last().unwrap(), &("two".to_owned(), hex(b"second"), 6));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_and_quiet_complete_files_also_after_a_restart() {
    if !openssh("sftp: markers and quiet") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|terms| terms.complete = Complete::Marker).await]).await;
    site.write("a.edi", b"one");
    site.write("none", b"");
    site.sftp_ok("put a.edi inbound/a.edi\n").await;
    assert!(site.desk.got().is_empty());
    site.close().await;
    let site = Site::open(dir.path(), vec![acme(|terms| terms.complete = Complete::Marker).await]).await;
    site.sftp_ok("put none inbound/a.edi.done\n").await;
    assert_eq!(site.desk.names(), ["a.edi"]);
    site.sftp_ok("put a.edi inbound/b.edi\n").await;
    site.close().await;
    let quiet = acme(|terms| {
        terms.complete = Complete::Quiet;
        terms.quiet = config::Duration::millis(10);
    });
    let site = Site::open(dir.path(), vec![quiet.await]).await;
    wait_for("the quiet file", async || site.desk.names().contains(&"b.edi".to_owned()).then_some(())).await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_now_is_told_and_taken_later() {
    if !openssh("sftp: refusals") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Site::open(dir.path(), vec![acme(|_| {}).await]).await;
    site.write("a.edi", &noise(300_000, 1));
    site.desk.busy.store(true, SeqCst);
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    let file = sftp.open("inbound/c", NEW, FileAttributes::empty()).await.unwrap().handle;
    sftp.write(&file, 0, b"abc".to_vec()).await.unwrap();
    let told = sftp.close(file).await.unwrap_err().to_string();
    assert!(told.contains("too much is waiting"), "{told}");
    let output = site.sftp("put a.edi inbound/a.edi\n").await;
    assert!(!output.status.success(), "{output:?}");
    let output = site.sftp("put a.edi inbound/b.tmp\nrename inbound/b.tmp inbound/b.edi\n").await;
    assert!(!output.status.success());
    site.desk.busy.store(false, SeqCst);
    site.sftp_ok("put a.edi inbound/a.edi\nrename inbound/b.tmp inbound/b.edi\n").await;
    assert_eq!(site.desk.names(), ["a.edi", "b.edi"]);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_nobody_goes_on_with_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let short = |limits: &mut gangway::doors::sftp::Limits| limits.partial = jiff::SignedDuration::from_millis(1);
    let site = Site::open_with(dir.path(), vec![acme(|_| {}).await], short).await;
    let raw = Raw::login(site.address, "acme").await;
    let sftp = raw.sftp().await;
    let file = sftp.open("inbound/a", NEW, FileAttributes::empty()).await.unwrap().handle;
    sftp.write(&file, 0, b"abc".to_vec()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(parts(&site), 1, "what is open stays");
    raw.cut();
    wait_for("the part to go", async || (parts(&site) == 0).then_some(())).await;
    assert!(site.desk.got().is_empty());
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_sessions_at_once() {
    if !openssh("sftp: eight sessions") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let site = std::sync::Arc::new(Site::open(dir.path(), vec![acme(|_| {}).await]).await);
    let mut tasks = tokio::task::JoinSet::new();
    let began = std::time::Instant::now();
    for session in 0..8_u64 {
        site.write(&format!("f{session}"), &noise(20_000, session));
        let site = site.clone();
        tasks.spawn(async move {
            let commands = (0..50).fold(String::new(), |mut all, n| {
                let _ = writeln!(all, "put f{session} inbound/{session}-{n}.edi");
                all
            });
            site.sftp_ok(&commands).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    println!("400 files of 20 KB over 8 sessions: {:.2} s", began.elapsed().as_secs_f64());
    let names: BTreeSet<_> = site.desk.names().into_iter().collect();
    assert_eq!((names.len(), site.desk.got().len()), (400, 400));
}
