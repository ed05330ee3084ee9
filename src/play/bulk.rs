//! Files of any size: one interchange of many orders, written set by set, so that a file of 100 MB costs the memory of
//! one order. For measuring, and for the neighbour who sends a whole year at once.

use std::io::{self, Write};

use super::x12::{Interchange, Order, Party, purchase_order};

/// How many lines the orders have, one after the other: mostly small ones, and now and then a large one.
const LINES: [usize; 7] = [2, 5, 8, 13, 21, 40, 93];
/// How many orders one functional group holds.
const GROUP: u32 = 4_000;

/// An interchange of many orders.
#[derive(Debug, Clone)]
pub struct BulkOrders {
    /// Who sends.
    pub sender: Party,
    /// Who receives.
    pub receiver: Party,
    /// ISA13.
    pub control: u32,
    /// How many orders.
    pub orders: u32,
    /// The orders' numbers begin with this.
    pub prefix: String,
}

impl BulkOrders {
    /// Writes the interchange and says how many bytes it has.
    pub fn write(&self, out: &mut impl Write) -> io::Result<u64> {
        let frame = Interchange::new(&self.sender, &self.receiver, self.control);
        let mut written = 0;
        let mut put = |text: &mut String| -> io::Result<()> {
            out.write_all(text.as_bytes())?;
            written += text.len() as u64;
            text.clear();
            Ok(())
        };
        let mut text = frame.header();
        let mut groups = 0;
        let mut left = self.orders;
        while left > 0 {
            groups += 1;
            let sets = left.min(GROUP);
            frame.open_group(&mut text, groups, "PO");
            for number in 0..sets {
                let index = self.orders - left + number;
                let order = Order::sample(&self.number(index), LINES[index as usize % LINES.len()]);
                frame.write_set(&mut text, &purchase_order(&order), number as usize + 1);
                put(&mut text)?;
            }
            frame.close_group(&mut text, groups, sets as usize);
            left -= sets;
        }
        frame.close(&mut text, groups);
        put(&mut text)?;
        Ok(written)
    }

    /// The number of the order at `index`, from 0.
    pub fn number(&self, index: u32) -> String {
        format!("{}{index:07}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_file_holds_what_it_says() {
        let bulk = BulkOrders {
            sender: Party::new("01/123456789"),
            receiver: Party::new("01/098765432"),
            control: 7,
            orders: GROUP + 100,
            prefix: "B".into(),
        };
        let mut file = Vec::new();
        assert_eq!(bulk.write(&mut file).unwrap(), file.len() as u64);
        let text = String::from_utf8(file).unwrap();
        let starts = |with: &str| text.split('~').filter(|segment| segment.starts_with(with)).count();
        assert_eq!(starts("ST*850*"), (GROUP + 100) as usize);
        assert_eq!((starts("GS*"), starts("GE*4000*"), starts("GE*100*"), starts("IEA*2*")), (2, 1, 1, 1));
        assert!(text.contains(&bulk.number(GROUP + 99)) && !text.contains(&bulk.number(GROUP + 100)));
        let average = text.len() / (GROUP as usize + 100);
        assert!((1_800..2_400).contains(&average), "an order has {average} bytes on average");
    }
}
