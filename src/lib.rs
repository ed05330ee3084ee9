//! Gangway: the one door between a manufacturer's ERP and all of its suppliers.
//!
//! # The way a message goes
//!
//! ```text
//!  supplier                                            Gangway                                          ERP
//!  ───────►  door            ─►  exchange    ─►  x12 │ xml  ─►  mapping  ─►  ledger    ─►  queue  ─►  lease, ack
//!            as2│sftp│rest       detect          read, check    document     one commit    erp::queue
//!            spool               take turns      verdict        event        (or none)
//!  ◄─ receipt, only after the commit                                             │ owed
//!  ◄───────  courier         ◄─  exchange    ◄── 997 │ 999 │ TA1 ── acknowledge ◄─┤
//!            as2│webhook,        deliver     ◄── x12 │ xml ◄─ mapping ◄─ sending ◄┘─ POST /erp/v1/documents
//!            or fetched          retry                                               erp::documents
//! ```
//!
//! A door authenticates, spools the body and hands the [`exchange`] an arrival together with its Scribe, the pure function
//! that writes its receipt. The exchange reads, checks and maps, and commits raw bytes, documents, events, claims,
//! receipt and owed acknowledgements together. What [`ledger::Ledger::commit`] answered is never lost and never counted
//! twice; everything else follows from that.
//!
//! # The house
//!
//! A room imports only rooms in rows below its own; `tests/architecture.rs` holds it to that.
//!
//! | row | rooms |
//! |---|---|
//! | 9 | `main.rs`, [`cli`]: one command per file |
//! | 8 | [`play`]: the partner's and the ERP's side of every channel, for the demo and the tests |
//! | 7 | [`gateway`]: builds, starts and stops everything |
//! | 6 | [`doors`]: the ways in; [`erp`]: the queue; [`console`]: pages; [`control`]: the operator's socket |
//! | 5 | [`exchange`]: the pipeline, the only room that knows the whole way |
//! | 4 | [`onboard`]: new partners, their certification, changes to their files; [`limits`]: how much a partner may use |
//! | 3 | [`ledger`]: the durable record; [`partner`]: files and templates become an immutable directory |
//! | 2 | [`mapping`]: mapping files become compiled plans |
//! | 1 | [`x12`]: reader, checks, acknowledgements, writer; [`xml`]: reader, tree, writer; [`as2`]: messages, receipts and their cryptography; no clock, no randomness |
//! | 0 | [`document`], [`config`], [`keys`], [`spool`], [`net`], [`observe`], [`error`] |
//!
//! # Lexicon
//!
//! - *Interchange*, *functional group*, *transaction set*, *segment*, *element*, *component*: X12's nesting, ISA, GS, ST.
//! - *Message*: one hand-over by a partner, or one interchange that we send; its bytes are kept as they were.
//! - *Document*: one business paper in it, in its canonical form. *Event*: what tells the ERP of a document.
//! - *Receipt*: what a door answers, about transport only. *Acknowledgement*: 997, 999 or TA1, about syntax only.
//! - *Held*: kept and waiting for a person, since what is valid but cannot be mapped is our mistake, not the partner's.
//! - *Claim*: that something is here for the first time. *Partner*: whom a document is from; *connection*: how it came.

pub mod as2;
pub mod cli;
pub mod config;
pub mod console;
pub mod control;
pub mod document;
pub mod doors;
pub mod erp;
pub mod error;
pub mod exchange;
pub mod gateway;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod mapping;
pub mod net;
pub mod observe;
pub mod onboard;
pub mod partner;
pub mod play;
pub mod spool;
pub mod x12;
pub mod xml;
