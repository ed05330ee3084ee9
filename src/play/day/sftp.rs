//! The supplier on SFTP: it fetches its order, drops its files and finds what became of them.

use super::{Day, DayError, LOOKS, PAUSE, Tell, otherwise, step, told_by};
use crate::play::{
    SftpPlayError,
    canonical::functional_acknowledgement,
    x12::{Order, Set, invoice, order_acknowledgement, shipment_notice},
};

impl Day {
    pub(super) async fn over_sftp(&self, number: &str, tell: Tell<'_>) -> Result<(), DayError> {
        let order = Order::sample(number, 2);
        self.order("tallgrass", &order, tell).await?;
        let text = self.fetches("outbound", "850", number, tell).await?;
        self.fared(number, &["issued", "delivered"], tell).await?;
        let Some(acknowledgement) = functional_acknowledgement(&text, true) else {
            return Err(otherwise("tallgrass acknowledges", "an interchange", &text));
        };
        self.drops("997.edi", 1, acknowledgement, tell).await?;
        self.fared(number, &["accepted"], tell).await?;
        self.drops("855.edi", 2, order_acknowledgement(&order, "SO-12"), tell).await?;
        self.fetches("receipts", "997", "AK1*PR*", tell).await?;
        self.received(&["order_acknowledgement"], tell).await?;
        self.drops("856.edi", 3, shipment_notice(&order, "SHP-2001"), tell).await?;
        self.received(&["shipment_notice"], tell).await?;
        self.drops("810.edi", 4, invoice(&order, "INV-2001"), tell).await?;
        self.received(&["invoice"], tell).await
    }

    /// It looks into a folder until an interchange of ours is there, and fetches it.
    async fn fetches(&self, folder: &str, set: &str, number: &str, tell: Tell<'_>) -> Result<String, DayError> {
        let what = format!("tallgrass fetches {set} over SFTP");
        let failed = |error: SftpPlayError| otherwise(&what, "its folder", &error.to_string());
        let client = &self.tallgrass.client;
        for _ in 0..LOOKS {
            for name in client.list(folder).await.map_err(failed)? {
                let path = format!("{folder}/{name}");
                let text = String::from_utf8_lossy(&client.get(&path).await.map_err(failed)?).into_owned();
                if let Some(told) = told_by(&text, set, number) {
                    tell(&step(&what, format!("{path}: {told}")));
                    return Ok(text);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(&what, number, &format!("nothing in {folder}/")))
    }

    /// It drops a file of its own.
    async fn drops(&self, name: &str, number: u32, set: Set, tell: Tell<'_>) -> Result<(), DayError> {
        let path = format!("inbound/{name}");
        let what = format!("tallgrass drops {name} over SFTP");
        let bytes = self.interchange(&self.tallgrass.theirs, number, [set]).to_bytes();
        let put = self.tallgrass.client.put(&path, &bytes).await;
        put.map_err(|error| otherwise(&what, "SFTP OK", &error.to_string()))?;
        tell(&step(&what, format!("OK, {} bytes are stored", bytes.len())));
        Ok(())
    }
}
