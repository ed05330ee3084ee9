//! The ERP's orders, one for each partner that is called in turn, each followed by a change.

use std::{sync::Arc, time::Instant};

use gangway::play::{
    ErpClient,
    canonical::{handed_over, purchase_order},
    x12::Order,
};
use tokio::task::JoinHandle;

use super::{
    Scale,
    books::Books,
    cast::{self, Cast},
};

/// Hands orders over until it is time to stop.
pub(super) fn spawn(
    erp: ErpClient,
    cast: &Arc<Cast>,
    books: &Arc<Books>,
    begun: Instant,
    scale: Scale,
) -> JoinHandle<()> {
    let (cast, books) = (Arc::clone(cast), Arc::clone(books));
    tokio::spawn(async move {
        let partners: Vec<_> = cast.called().collect();
        // Each partner gets an order, then everybody its change.
        for count in 0_u32.. {
            let (round, partner) = (count as usize / partners.len(), partners[count as usize % partners.len()]);
            let due = scale.order_every * count;
            if due >= scale.time {
                return;
            }
            tokio::time::sleep_until((begun + due).into()).await;
            let purpose = if round % 2 == 0 { "original" } else { "change" };
            let number = format!("45{partner:04}{:04}", round / 2);
            let order = purchase_order(&Order::sample(&number, 2), purpose);
            let document = handed_over(&cast::id(partner), "purchase_order", order);
            let asked = Instant::now();
            let answer = erp.submit(&format!("{number}-{purpose}"), &document).await.expect("an answer");
            assert_eq!(answer.status, 202, "{}", answer.text());
            books.waited("the ERP's orders", asked.elapsed());
            books.order(partner, number, purpose);
        }
    })
}
