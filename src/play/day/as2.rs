//! The supplier on AS2: its order comes signed and encrypted and is receipted, and so is all that it sends; later it is down
//! for a while.

use super::{Day, DayError, LOOKS, PAUSE, Tell, otherwise, step, told_by};
use crate::{
    as2::disposition::Disposition,
    play::{
        As2Form, As2Taken,
        canonical::functional_acknowledgement,
        x12::{Order, Set, answered, invoice, shipment_notice},
    },
};

/// How its server answers while it is down.
const DOWN: [u16; 3] = [503; 3];

impl Day {
    pub(super) async fn over_as2(&self, number: &str, tell: Tell<'_>) -> Result<(), DayError> {
        let order = Order::sample(number, 3);
        self.order("coldforge", &order, tell).await?;
        let text = self.takes("850", number, tell).await?;
        self.fared(number, &["issued", "delivered"], tell).await?;
        let Some(acknowledgement) = functional_acknowledgement(&text, true) else {
            return Err(otherwise("coldforge acknowledges", "an interchange", &text));
        };
        self.sends("997", 1, acknowledgement, tell).await?;
        self.fared(number, &["accepted"], tell).await?;

        self.sends("855", 2, answered(&order, "SO-77", &["IA", "IQ", "IR"]), tell).await?;
        self.takes("997", "AK1*PR*", tell).await?;
        self.received(&["order_acknowledgement"], tell).await?;
        self.sends("856", 3, shipment_notice(&order, "SHP-1001"), tell).await?;
        self.takes("997", "AK1*SH*", tell).await?;
        self.sends("810", 4, invoice(&order, "INV-9001"), tell).await?;
        self.takes("997", "AK1*IN*", tell).await?;
        self.received(&["shipment_notice", "invoice"], tell).await
    }

    pub(super) async fn down_and_up(&self, number: &str, tell: Tell<'_>) -> Result<(), DayError> {
        let server = &self.coldforge.server;
        server.refuse(&DOWN);
        self.order("coldforge", &Order::sample(number, 2), tell).await?;
        for _ in 0..LOOKS {
            if server.refusals_left() == 0 {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let left = server.refusals_left();
        if left > 0 {
            return Err(otherwise("coldforge is down", "another attempt", &format!("{left} more to refuse")));
        }
        tell(&step("coldforge is down", format!("{} attempts answered 503", DOWN.len())));
        self.takes("850", number, tell).await?;
        self.fared(number, &["issued", "delivered"], tell).await
    }

    /// Its server takes an interchange of ours.
    async fn takes(&self, set: &str, number: &str, tell: Tell<'_>) -> Result<String, DayError> {
        let what = format!("coldforge takes {set} over AS2");
        for _ in 0..LOOKS {
            for As2Taken { bytes, is_signed, is_encrypted, .. } in self.coldforge.server.taken() {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some(told) = told_by(&text, set, number) else { continue };
                if !(is_signed && is_encrypted) {
                    return Err(otherwise(&what, "signed and encrypted", "it is not"));
                }
                tell(&step(&what, format!("{told}; signed, encrypted")));
                return Ok(text);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(&what, number, "it did not come"))
    }

    /// It sends one of its own, and holds the receipt against what it sent.
    async fn sends(&self, name: &str, number: u32, set: Set, tell: Tell<'_>) -> Result<(), DayError> {
        let what = format!("coldforge sends {name} over AS2");
        let partner = &self.coldforge;
        let bytes = self.interchange(&partner.theirs, number, [set]).to_bytes();
        let sent = partner.software.send(&partner.gateway, &bytes, &As2Form::default()).await;
        let sent = sent.map_err(|error| otherwise(&what, "an answer", &error))?;
        match &sent.proof {
            Some(Ok(Disposition::Processed)) => {
                tell(&step(&what, "signed, encrypted; its MDN says processed, and the MIC is that of what was sent"));
                Ok(())
            }
            other => Err(otherwise(&what, "a signed receipt: processed", &format!("{} {other:?}", sent.reply.status))),
        }
    }
}
