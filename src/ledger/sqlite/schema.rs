//! The tables, as numbered migrations. A data file's `user_version` says how many of them it has seen.
//!
//! The commit path writes at the right edge of every table, because keys rise with time; only `claims` has random keys.
//! Times are microseconds since 1970. Words are kept as words, so that an operator's own SQL reads well.

use rusqlite::Connection;

use super::fault::{Fault, Outcome, damaged};
use crate::ledger::LedgerError;

/// Marks the file as ours: `GWAY`.
pub(super) const APPLICATION_ID: i32 = 0x4757_4159;

/// Each takes a data file one version further. Never change one that was released; add another.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5];

/// How far a document's key is shifted by its message's number: positions below 16,777,216.
pub(super) const POSITION_BITS: u32 = 24;

const VERSION_1: &str = "
-- Settings of this ledger: its identity, whether deliveries are paused, the head of the audit chain.
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- The next number of each kind. Numbers are never given twice, also when what had them is gone.
CREATE TABLE counters (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  message INTEGER NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL,
  owed INTEGER NOT NULL, delivery INTEGER NOT NULL);
INSERT INTO counters VALUES (1, 1, 1, 1, 1, 1);

-- num rises in commit order; id is the 16 bytes of msg_.... unfinished = 1 until a message in slices has its end.
CREATE TABLE messages (
  num INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  direction TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, mode TEXT NOT NULL,
  connection TEXT NOT NULL, partner TEXT, transport_id TEXT, filename TEXT, content_type TEXT,
  digest NOT NULL, bytes INTEGER NOT NULL, interchange TEXT,
  correlation TEXT NOT NULL, config TEXT NOT NULL, relates_to BLOB,
  unfinished INTEGER NOT NULL,
  problem TEXT, facts TEXT NOT NULL);
CREATE INDEX messages_unfinished ON messages (num) WHERE unfinished = 1;
CREATE INDEX messages_waiting ON messages (state, id) WHERE state IN ('processing', 'held', 'ready', 'dead');

-- What was received or sent, and what was answered. file = 1: the payload is payloads/<id>.
CREATE TABLE bodies (message INTEGER PRIMARY KEY, file INTEGER NOT NULL, receipt BLOB NOT NULL, payload BLOB);

-- doc = num of the message << 24 | position. event and seq: revision and place of its latest event.
CREATE TABLE documents (
  doc INTEGER PRIMARY KEY,
  partner TEXT, kind TEXT, format_kind TEXT NOT NULL, number TEXT, orders TEXT, state TEXT NOT NULL,
  first INTEGER NOT NULL, length INTEGER NOT NULL, digest NOT NULL, mapping TEXT,
  event INTEGER, seq INTEGER, revision INTEGER NOT NULL, problem TEXT, extras TEXT);

-- Every event, stored once. It is on the log as soon as a row of releases covers its seq. previous: the seq of the
-- document's event before this one.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL, partner TEXT NOT NULL,
  message BLOB NOT NULL, position INTEGER NOT NULL, revision INTEGER NOT NULL,
  time INTEGER NOT NULL, subject TEXT NOT NULL, correlation TEXT NOT NULL, replaces TEXT, previous INTEGER,
  data BLOB NOT NULL);

-- The log: positions base, base + 1, … are the events seq, seq + 1, …
CREATE TABLE releases (
  base INTEGER PRIMARY KEY, seq INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX releases_seq ON releases (seq);
-- Events of unfinished messages, which finish puts on the log.
CREATE TABLE held_back (
  message INTEGER NOT NULL, first INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL, tally TEXT NOT NULL,
  PRIMARY KEY (message, first)) WITHOUT ROWID;
-- How many events of each type were ever put on the log.
CREATE TABLE tallies (
  mode TEXT NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (mode, type)) WITHOUT ROWID;

-- kind: 1 transport, 2 interchange, 3 business, 4 group, 5 set. day: days since 1970, for retention.
CREATE TABLE claims (
  key BLOB NOT NULL, kind INTEGER NOT NULL,
  message INTEGER NOT NULL, position INTEGER NOT NULL, digest BLOB NOT NULL, day INTEGER NOT NULL,
  PRIMARY KEY (key, kind)) WITHOUT ROWID;

-- What happened to a message after it was committed; what happened until then is in messages.facts.
CREATE TABLE facts (
  message INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (message, n)) WITHOUT ROWID;

-- Documents that came or changed after their message was committed, so that the search index follows.
CREATE TABLE touched (n INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);

CREATE TABLE owed (
  id INTEGER PRIMARY KEY, message INTEGER NOT NULL, partner TEXT NOT NULL, due INTEGER NOT NULL, facts TEXT NOT NULL);
CREATE TABLE numbers (series TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY, message INTEGER NOT NULL, partner TEXT NOT NULL, channel TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL);
CREATE INDEX deliveries_message ON deliveries (message);
CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'ready';

-- cursor: the last position that was looked at. seen: how many wanted events were met up to there.
CREATE TABLE consumers (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, declared TEXT NOT NULL,
  start INTEGER NOT NULL, cursor INTEGER NOT NULL, seen INTEGER NOT NULL);
-- Events that a consumer was handed, or that wait behind one of their key.
-- status: 0 ready or waiting, 1 leased, 2 given back, 3 parked.
-- turn: 0 now, a time then, NULL not before an earlier event of the key is done with.
CREATE TABLE pending (
  consumer INTEGER NOT NULL, position INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL,
  status INTEGER NOT NULL, turn INTEGER, fence INTEGER NOT NULL, attempts INTEGER NOT NULL,
  reason TEXT, since INTEGER,
  PRIMARY KEY (consumer, position)) WITHOUT ROWID;
CREATE INDEX pending_key ON pending (consumer, key, position);
CREATE INDEX pending_turn ON pending (consumer, turn, position) WHERE turn IS NOT NULL;
CREATE INDEX pending_parked ON pending (consumer, position) WHERE status = 3;
-- Events that were not simply acknowledged by their first lease: the fence that did it, or 0 where none did.
CREATE TABLE ended (
  consumer INTEGER NOT NULL, position INTEGER NOT NULL, fence INTEGER NOT NULL,
  PRIMARY KEY (consumer, position)) WITHOUT ROWID;
-- Events that were given up so that their key goes on.
CREATE TABLE dead (
  consumer INTEGER NOT NULL, position INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL,
  reason TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (consumer, position)) WITHOUT ROWID;

-- hash = SHA-256 over the previous row's hash and this row.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL,
  reason TEXT NOT NULL, hash BLOB NOT NULL);
";

const VERSION_2: &str = "
-- told = 0: the delivery came to an end, and nobody was told yet. resent: how often a person sent it again.
ALTER TABLE deliveries ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
ALTER TABLE deliveries ADD COLUMN resent INTEGER NOT NULL DEFAULT 0;
DROP INDEX deliveries_due;
-- What we hand over, as opposed to what partners fetch.
CREATE INDEX deliveries_pushed ON deliveries (partner, id)
  WHERE state IN ('ready', 'waiting') AND channel IN ('as2', 'sftp-push', 'webhook');
CREATE INDEX deliveries_untold ON deliveries (told, id) WHERE told = 0;
-- The orders that a delivery is about, until it is done with: a later one of the same order waits behind it.
CREATE TABLE delivery_keys (
  partner TEXT NOT NULL, key TEXT NOT NULL, delivery INTEGER NOT NULL,
  PRIMARY KEY (partner, key, delivery)) WITHOUT ROWID;
CREATE INDEX delivery_keys_delivery ON delivery_keys (delivery);
-- Which message was issued with which number.
CREATE TABLE issued (
  series TEXT NOT NULL, number INTEGER NOT NULL, message INTEGER NOT NULL,
  PRIMARY KEY (series, number, message)) WITHOUT ROWID;
-- What a partner is expected to do about doc, and until when.
CREATE TABLE watches (id INTEGER PRIMARY KEY, doc INTEGER NOT NULL, kind TEXT NOT NULL, due INTEGER NOT NULL);
CREATE INDEX watches_due ON watches (due);
";

const VERSION_3: &str = "
-- What doors have promised and not done yet: receipts on their way, messages whose receipt is waited for.
CREATE TABLE memory (kind TEXT NOT NULL, name TEXT NOT NULL, what BLOB NOT NULL, PRIMARY KEY (kind, name));
";

const VERSION_4: &str = "
-- One more channel by which we hand over.
DROP INDEX deliveries_pushed;
CREATE INDEX deliveries_pushed ON deliveries (partner, id)
  WHERE state IN ('ready', 'waiting') AND channel IN ('as2', 'sftp-push', 'webhook', 'cxml');
";

const VERSION_5: &str = "
-- Each partner's work is done in its order, and nobody looks through the others'.
CREATE INDEX owed_partner ON owed (partner);
";

/// The version that a data file has.
pub(super) fn version(conn: &Connection) -> Outcome<u32> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    u32::try_from(version).map_err(|_| damaged(format!("its format number is {version}")))
}

/// Brings a data file to the newest version, one step and one transaction at a time. `path` is for the error.
pub(super) fn migrate(conn: &Connection, migrations: &[&str], path: &str) -> Outcome<()> {
    let found = version(conn)?;
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(Fault::Ledger(LedgerError::Newer { path: path.to_owned(), found, known }));
    }
    for (number, sql) in (1u32..).zip(migrations).skip(found as usize) {
        let step = || -> Outcome<()> {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            conn.execute_batch(sql)?;
            conn.pragma_update(None, "user_version", number)?;
            conn.pragma_update(None, "application_id", APPLICATION_ID)?;
            conn.execute_batch("COMMIT")?;
            Ok(())
        };
        if let Err(fault) = step() {
            if !conn.is_autocommit() {
                conn.execute_batch("ROLLBACK")?;
            }
            return Err(fault);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(conn: &Connection, sql: &str) -> i64 {
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn every_earlier_version_reaches_the_newest() {
        for from in 0..=MIGRATIONS.len() {
            let conn = Connection::open_in_memory().unwrap();
            migrate(&conn, &MIGRATIONS[..from], "x").unwrap();
            if from >= 1 {
                conn.execute_batch(
                    "INSERT INTO numbers VALUES ('acme', 7);
                     UPDATE counters SET position = 42",
                )
                .unwrap();
            }
            migrate(&conn, MIGRATIONS, "x").unwrap();
            assert_eq!(version(&conn).unwrap() as usize, MIGRATIONS.len());
            if from >= 1 {
                assert_eq!(count(&conn, "SELECT next FROM numbers WHERE series = 'acme'"), 7);
                assert_eq!(count(&conn, "SELECT position FROM counters"), 42);
            }
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let conn = Connection::open_in_memory().unwrap();
        let broken = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        assert!(migrate(&conn, &broken, "x").is_err());
        assert_eq!(version(&conn).unwrap(), 1);
        assert_eq!(count(&conn, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
        migrate(&conn, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"], "x").unwrap();
        assert_eq!(version(&conn).unwrap(), 2);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        let error = LedgerError::from(migrate(&conn, MIGRATIONS, "data").unwrap_err());
        assert!(matches!(error, LedgerError::Newer { found: 99, known: 5, .. }), "{error}");
    }
}
