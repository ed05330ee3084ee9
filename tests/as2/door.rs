//! `POST /as2` of a real gateway: the twelve forms with the five receipts, repetitions, documents beside each other, and
//! who is let in.

use std::collections::BTreeSet;

use gangway::{
    as2::{
        algorithm::Cipher,
        algorithm::Digest,
        disposition::Disposition,
        send::{Compress, Document},
    },
    play::As2Form,
};

use super::site::{Site, proven, read, with_body, with_header, write, x12};
use crate::util::{Gateway, drain, gwtest, wait_for};

const OPEN: &str = "must_sign = false\nmust_encrypt = false";

/// The twelve forms, those with encryption by CBC and by GCM.
fn forms() -> Vec<As2Form> {
    let mut forms = Vec::new();
    for sign in [None, Some(Digest::Sha256)] {
        for encrypt in [None, Some(Cipher::Aes256Cbc), Some(Cipher::Aes128Gcm)] {
            for compress in [Compress::Never, Compress::BeforeSigning, Compress::AfterSigning] {
                forms.push(As2Form { sign, encrypt, compress, ..As2Form::default() });
            }
        }
    }
    forms
}

/// Every event that reached the ERP, by its order.
async fn orders(gateway: &Gateway, count: usize) -> BTreeSet<String> {
    let events = drain(&gateway.erp(), "erp", count).await;
    events.iter().map(|leased| leased.event.partitionkey.clone()).collect()
}

mod rfc4130_section_2_4_2_permutations {
    use super::*;

    gwtest!(every_form_arrives_once_and_every_receipt_proves_it, async |dir| {
        let site = Site::start(&dir, OPEN).await;
        let mut number = 0;
        let mut promised = Vec::new();
        for form in forms() {
            for (receipt, apart) in
                [(None, false), (Some(false), false), (Some(true), false), (Some(false), true), (Some(true), true)]
            {
                number += 1;
                let form = As2Form { receipt, deliver_to: apart.then(|| site.server.url()), ..form.clone() };
                let sent = site.acme.send(&site.url(), &x12(number), &form).await.unwrap();
                assert_eq!(sent.reply.status, 200, "{form:?}");
                if apart || receipt.is_none() {
                    assert!(sent.reply.body.is_empty() && sent.proof.is_none(), "{form:?}");
                } else {
                    assert_eq!(proven(&sent), Disposition::Processed, "{form:?}");
                    assert_eq!(sent.reply.headers["content-length"], sent.reply.body.len().to_string());
                }
                if apart {
                    promised.push(sent.outgoing.expectation);
                }
            }
        }
        assert_eq!(orders(&site.gateway, number as usize).await.len(), number as usize);
        wait_for("the receipts that come on their own", async || {
            (site.server.receipts().len() >= promised.len()).then_some(())
        })
        .await;
        for (headers, body) in site.server.receipts() {
            let mdn = read(&site.acme, &headers, body);
            let id = mdn.original_message_id.clone().unwrap();
            let expected = promised.iter().find(|one| one.message_id.as_bytes() == id).expect("one of those sent");
            assert_eq!(expected.check(&mdn).unwrap(), Disposition::Processed);
        }
        assert_eq!(site.server.receipts().len(), promised.len());
    });
}

mod draft_retries_and_duplicates {
    use super::*;

    gwtest!(a_repetition_gets_the_same_receipt_and_another_question_another_one, async |dir| {
        let site = Site::start(&dir, "").await;
        let first = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
        assert_eq!(proven(&first), Disposition::Processed);
        let again = site.post(&first.outgoing).await;
        assert_eq!((&again.reply.body, proven(&again)), (&first.reply.body, Disposition::Processed));
        for header in ["message-id", "date", "content-type", "as2-from", "as2-to"] {
            assert_eq!(again.reply.headers[header], first.reply.headers[header]);
        }
        // The same message, but another receipt is asked for.
        let options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-512";
        let other = site.post(&with_header(&first.outgoing, "Disposition-Notification-Options", options)).await;
        assert_ne!(other.reply.body, first.reply.body);
        assert_eq!(proven(&other), Disposition::Processed);
        // The same id over another payload is another message.
        let second = site.acme.message(&[document(&x12(2))], &As2Form::default()).unwrap();
        let mut reused = with_header(&second, "Message-ID", &first.outgoing.expectation.message_id);
        reused.expectation.message_id.clone_from(&first.outgoing.expectation.message_id);
        assert_eq!(proven(&site.post(&reused).await), Disposition::Processed);
        // The same payload under a new id, as some products send again.
        let resent = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
        assert_eq!(proven(&resent), Disposition::Processed);
        let events = drain(&site.gateway.erp(), "erp", 2).await;
        assert_eq!(events.len(), 2);
    });

    gwtest!(fifty_copies_at_once_are_one_event_and_one_receipt, async |dir| {
        let site = Site::start(&dir, "").await;
        let outgoing = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let copies = (0..50).map(|_| {
            let (acme, url, outgoing) = (site.acme.clone(), site.url(), outgoing.clone());
            tokio::spawn(async move { acme.post(&url, outgoing).await.unwrap() })
        });
        let copies: Vec<_> = copies.collect();
        let mut receipts = BTreeSet::new();
        for copy in copies {
            let sent = copy.await.unwrap();
            assert_eq!(proven(&sent), Disposition::Processed);
            receipts.insert(sent.reply.body);
        }
        assert_eq!(receipts.len(), 1);
        orders(&site.gateway, 1).await;
    });

    gwtest!(fifty_copies_at_once_under_ids_of_their_own_are_one_event, async |dir| {
        let site = Site::start(&dir, "").await;
        let copies = (0..50).map(|_| {
            let (acme, url) = (site.acme.clone(), site.url());
            tokio::spawn(async move { acme.send(&url, &x12(1), &As2Form::default()).await.unwrap() })
        });
        let copies: Vec<_> = copies.collect();
        for copy in copies {
            assert_eq!(proven(&copy.await.unwrap()), Disposition::Processed);
        }
        orders(&site.gateway, 1).await;
    });

    gwtest!(a_first_attempt_that_failed_does_not_block_a_good_second_one, async |dir| {
        let site = Site::start(&dir, "").await;
        let good = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let mut body = good.http.body.clone();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        assert!(!proven(&site.post(&with_body(&good, body)).await).is_accepted());
        assert_eq!(proven(&site.post(&good).await), Disposition::Processed);
        orders(&site.gateway, 1).await;
    });
}

mod rfc6362_multiple_attachments {
    use super::*;

    gwtest!(every_attachment_is_a_document_and_a_repetition_none, async |dir| {
        let site = Site::start(&dir, "").await;
        let (one, two) = (x12(1), x12(2));
        let drawing =
            Document { content: b"%PDF-1.4", content_type: "application/pdf", filename: Some("../../etc/x.pdf") };
        let outgoing = site.acme.message(&[document(&one), document(&two), drawing], &As2Form::default()).unwrap();
        let first = site.post(&outgoing).await;
        assert_eq!(proven(&first), Disposition::Processed);
        assert_eq!(site.post(&outgoing).await.reply.body, first.reply.body);
        assert_eq!(orders(&site.gateway, 2).await.len(), 2);
    });
}

mod who_is_let_in {
    use super::*;

    gwtest!(suspended_partners_are_told_to_come_later, async |dir| {
        let site = Site::start(&dir, "").await;
        let url = site.server.url();
        write(&dir, &url, "", "suspended");
        dir.run_well(&["reload", "--config", "gangway.toml"]);
        let sent = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
        assert_eq!(sent.reply.status, 503);
        assert!(sent.reply.retry_after().is_some());
    });

    gwtest!(a_partner_comes_from_its_networks_only_and_a_balancer_is_believed, async |dir| {
        let acme = super::super::site::partner(super::super::parties::acme());
        write(&dir, "http://127.0.0.1:1/as2", "from = [\"192.0.2.0/24\"]", "live");
        let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
        let trusting = settings.replace("[public]", "[public]\ntrusted_proxies = [\"127.0.0.1\"]");
        let gateway = Gateway::start(&dir).await;
        let outgoing = acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let url = super::super::site::url(&gateway);
        let told = |outgoing| {
            let (acme, url) = (acme.clone(), url.clone());
            async move {
                let sent = acme.post(&url, outgoing).await.unwrap();
                read(&acme, &super::super::site::answered(&sent), sent.reply.body.clone()).disposition.to_string()
            }
        };
        let unknown = "processed/error: unknown-trading-relationship";
        assert_eq!(told(outgoing.clone()).await, unknown);
        // Whoever is no balancer of ours can say what they like.
        let forwarded = with_header(&outgoing, "X-Forwarded-For", "192.0.2.7");
        assert_eq!(told(forwarded.clone()).await, unknown);
        gateway.stop().await;
        dir.create("gangway.toml", trusting);
        let gateway = Gateway::start(&dir).await;
        let url = super::super::site::url(&gateway);
        let sent = acme.post(&url, with_header(&outgoing, "X-Forwarded-For", "192.0.2.7, 198.51.100.1")).await.unwrap();
        assert!(!read(&acme, &super::super::site::answered(&sent), sent.reply.body).disposition.is_accepted());
        assert_eq!(proven(&acme.post(&url, forwarded).await.unwrap()), Disposition::Processed);
    });

    gwtest!(too_many_at_once_are_put_off, async |dir| {
        let site = Site::start(&dir, "\n[limits]\nrequests = \"2/min\"").await;
        for number in 1..=2 {
            let sent = site.acme.send(&site.url(), &x12(number), &As2Form::default()).await.unwrap();
            assert_eq!(proven(&sent), Disposition::Processed);
        }
        let sent = site.acme.send(&site.url(), &x12(3), &As2Form::default()).await.unwrap();
        assert_eq!(sent.reply.status, 503);
        assert!(sent.reply.retry_after().is_some());
    });
}

pub(super) fn document(x12: &[u8]) -> Document<'_> {
    Document { content: x12, content_type: "application/edi-x12", filename: Some("answer.edi") }
}
