//! The log is read in stretches: whoever looks for what is rare does not keep a reader until it is found.

use super::open;
use crate::{
    document::DocumentType,
    ledger::{
        Entry, LogFilter, LogPage, MAX_DOCUMENTS,
        conformance::{bare, document, new_id},
        sqlite::standing::LOOKED_AT,
    },
};

#[tokio::test]
async fn a_question_looks_at_so_much_and_says_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    let others = LOOKED_AT / MAX_DOCUMENTS + 1;
    for n in 0..=others {
        let id = new_id();
        let mut documents: Vec<_> =
            (0..MAX_DOCUMENTS as u32).map(|position| document(id, position, DocumentType::Invoice, "k")).collect();
        if n == others {
            documents.last_mut().unwrap().1.as_mut().unwrap().partner = "bolt".to_owned();
        }
        ledger.commit(Entry { documents, ..bare(id) }).await.unwrap();
    }
    let all = ((others + 1) * MAX_DOCUMENTS) as u64;
    let bolt = LogFilter { partner: Some("bolt".to_owned()), kind: None };
    let first = ledger.log(0, bolt.clone(), 9).await.unwrap();
    assert_eq!(first, LogPage { events: Vec::new(), reached: LOOKED_AT as u64, is_end: false });
    let second = ledger.log(first.reached, bolt.clone(), 9).await.unwrap();
    assert_eq!((second.events.len(), second.reached, second.is_end), (1, all, true));
    assert_eq!(ledger.events(0, bolt.clone(), 9).await.unwrap(), second.events);
    // As many as were asked for need not be the last.
    let page = ledger.log(0, LogFilter::default(), 3).await.unwrap();
    assert_eq!((page.events.len(), page.reached, page.is_end), (3, 3, false));
    // Past the end nothing goes back.
    let past = ledger.log(all + 7, bolt, 9).await.unwrap();
    assert_eq!(past, LogPage { events: Vec::new(), reached: all + 7, is_end: true });
}
