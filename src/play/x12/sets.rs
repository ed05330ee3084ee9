//! The four documents of an order's life, from one [`Order`]: what was ordered, what was promised, what was shipped,
//! what is to be paid.

use super::Set;

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How many.
    pub quantity: u32,
    /// The unit, in X12's codes.
    pub unit: String,
    /// The price of one, in cents.
    pub cents: u64,
    /// The buyer's part number.
    pub buyer_part: String,
    /// The supplier's part number.
    pub vendor_part: String,
    /// What it is.
    pub text: String,
}

/// An order between a manufacturer and its supplier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The buyer's number of it.
    pub number: String,
    /// Its date, CCYYMMDD.
    pub date: String,
    /// When the goods are wanted, and will be shipped.
    pub ship_date: String,
    /// What the freight costs.
    pub freight_cents: u64,
    /// What is ordered.
    pub lines: Vec<Line>,
}

const GOODS: [(&str, &str, &str, u64); 6] = [
    ("DEEP GROOVE BALL BEARING 6204", "EA", "6204-2RS", 412),
    ("HEX BOLT M12X60 GRADE 8.8", "CA", "HB-1260", 1_890),
    ("FLANGE GASKET DN50", "EA", "FG-050", 235),
    ("TIMING BELT HTD 5M 425", "EA", "TB-5M425", 1_175),
    ("COPPER TUBE 15MM", "FT", "CT-15", 320),
    ("LIMIT SWITCH IP67", "EA", "LS-67R", 4_650),
];

impl Order {
    /// An order with this number and so many lines; the same arguments give the same order.
    pub fn sample(number: &str, lines: usize) -> Self {
        let seed = number.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let lines = (0..lines)
            .map(|index| {
                let (text, unit, part, cents) = GOODS[(seed as usize % GOODS.len() + index) % GOODS.len()];
                let index = index as u32;
                Line {
                    quantity: 1 + (seed.wrapping_add(index * 7919)) % 480,
                    unit: unit.into(),
                    cents: cents + u64::from(index),
                    buyer_part: format!("{:08}", 10_000_000 + (seed % 900_000) + index),
                    vendor_part: part.into(),
                    text: text.into(),
                }
            })
            .collect();
        Self {
            number: number.into(),
            date: "20261102".into(),
            ship_date: "20261116".into(),
            freight_cents: 12_500,
            lines,
        }
    }
}

/// An amount with its cents behind a point, as X12's real numbers want it.
fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn party(set: &mut Set, role: &str, name: &str, code: &str, street: &str, place: [&str; 3]) {
    set.push("N1", &[role, name, "92", code]);
    set.push("N3", &[street]);
    set.push("N4", &[place[0], place[1], place[2], "US"]);
}

fn plant(set: &mut Set) {
    party(set, "ST", "NORTH PLANT DOCK 4", "1040", "2200 FOUNDRY ROAD", ["TOLEDO", "OH", "43604"]);
}

/// 850, as the buyer sends it.
pub fn purchase_order(order: &Order) -> Set {
    let mut set = Set::new("850", "PO");
    set.push("BEG", &["00", "SA", &order.number, "", &order.date]);
    set.push("CUR", &["BY", "USD"]);
    set.push("REF", &["DP", "318"]);
    set.push("PER", &["BD", "DANA WELLS", "TE", "4195550142"]);
    set.push("FOB", &["PP", "OR", "SHIPPING POINT"]);
    set.push("ITD", &["01", "3", "2", "", "10", "", "30"]);
    set.push("DTM", &["010", &order.ship_date]);
    set.push("TD5", &["B", "2", "RDWY", "M", "ROADWAY"]);
    party(&mut set, "BY", "LAKESHORE MACHINE WORKS", "LMW01", "1 WORKS AVENUE", ["TOLEDO", "OH", "43604"]);
    plant(&mut set);
    for (index, line) in order.lines.iter().enumerate() {
        ordered_line(&mut set, index, line);
        set.push("PID", &["F", "", "", "", &line.text]);
    }
    set.push("CTT", &[&order.lines.len().to_string()]);
    set
}

/// 855, as the supplier answers: every line accepted, with the date it will leave. `reference` is its own number.
pub fn order_acknowledgement(order: &Order, reference: &str) -> Set {
    let mut set = Set::new("855", "PR");
    set.push("BAK", &["00", "AC", &order.number, &order.date, "", "", "", reference, &order.date]);
    set.push("REF", &["VR", "VN-100234"]);
    set.push("PER", &["SR", "ORDER DESK", "TE", "2165550177"]);
    plant(&mut set);
    for (index, line) in order.lines.iter().enumerate() {
        ordered_line(&mut set, index, line);
        set.push("PID", &["F", "", "", "", &line.text]);
        set.push("ACK", &["IA", &line.quantity.to_string(), &line.unit, "068", &order.ship_date]);
    }
    set.push("CTT", &[&order.lines.len().to_string()]);
    set
}

/// 855 in which each line fares as its code says (X12 668): `IA` accepted, `IR` rejected, `IQ` accepted in another quantity.
/// Lines beyond the codes are accepted.
pub fn answered(order: &Order, reference: &str, codes: &[&str]) -> Set {
    let mut set = order_acknowledgement(order, reference);
    let acknowledgements = set.segments.iter_mut().filter(|segment| segment.first().is_some_and(|tag| tag == "ACK"));
    for ((segment, code), line) in acknowledgements.zip(codes).zip(&order.lines) {
        if let [_, status, quantity, ..] = segment.as_mut_slice() {
            *status = (*code).to_owned();
            if *code == "IQ" {
                *quantity = line.quantity.div_ceil(2).to_string();
            }
        }
    }
    set
}

/// 856, one truck: shipment, order, one carton per line, items. `shipment` is BSN02.
pub fn shipment_notice(order: &Order, shipment: &str) -> Set {
    let mut set = Set::new("856", "SH");
    let cartons = order.lines.len();
    set.push("BSN", &["00", shipment, &order.ship_date, "1410", "0001"]);
    set.push("DTM", &["011", &order.ship_date]);
    set.push("HL", &["1", "", "S"]);
    set.push("TD1", &["CTN25", &cartons.to_string(), "", "", "", "G", &(cartons * 18).to_string(), "LB"]);
    set.push("TD5", &["B", "2", "RDWY", "M", "ROADWAY"]);
    set.push("TD3", &["TL", "RDWY", "48213"]);
    set.push("REF", &["BM", &format!("BOL{shipment}")]);
    party(&mut set, "SF", "ACME BEARINGS", "ACME1", "77 RACEWAY DRIVE", ["CLEVELAND", "OH", "44114"]);
    plant(&mut set);
    set.push("HL", &["2", "1", "O"]);
    set.push("PRF", &[&order.number, "", "", &order.date]);
    let mut level = 2;
    for (index, line) in order.lines.iter().enumerate() {
        let carton = (level + 1).to_string();
        let item = (level + 2).to_string();
        level += 2;
        set.push("HL", &[&carton, "2", "P"]);
        set.push("MAN", &["GM", &format!("0000712345{:010}", index + 1)]);
        set.push("HL", &[&item, &carton, "I"]);
        set.push("LIN", &[&(index + 1).to_string(), "BP", &line.buyer_part, "VP", &line.vendor_part]);
        set.push("SN1", &["", &line.quantity.to_string(), &line.unit]);
    }
    set.push("CTT", &[&level.to_string()]);
    set
}

/// 810 for the whole order, freight as a charge. `number` is BIG02.
pub fn invoice(order: &Order, number: &str) -> Set {
    let mut set = Set::new("810", "IN");
    let goods: u64 = order.lines.iter().map(|line| u64::from(line.quantity) * line.cents).sum();
    set.push("BIG", &[&order.ship_date, number, &order.date, &order.number]);
    set.push("CUR", &["SE", "USD"]);
    set.push("REF", &["VR", "VN-100234"]);
    party(&mut set, "RE", "ACME BEARINGS", "ACME1", "PO BOX 4410", ["CLEVELAND", "OH", "44114"]);
    plant(&mut set);
    set.push("ITD", &["01", "3", "2", "", "10", "", "30"]);
    set.push("DTM", &["011", &order.ship_date]);
    for (index, line) in order.lines.iter().enumerate() {
        let (number, quantity) = ((index + 1).to_string(), line.quantity.to_string());
        let price = money(line.cents);
        set.push("IT1", &[&number, &quantity, &line.unit, &price, "", "BP", &line.buyer_part, "VP", &line.vendor_part]);
        set.push("PID", &["F", "", "", "", &line.text]);
    }
    set.push("TDS", &[&(goods + order.freight_cents).to_string()]);
    set.push("SAC", &["C", "D240", "", "", &order.freight_cents.to_string()]);
    set.push("CTT", &[&order.lines.len().to_string()]);
    set
}

fn ordered_line(set: &mut Set, index: usize, line: &Line) {
    let (number, quantity) = ((index + 1).to_string(), line.quantity.to_string());
    let price = money(line.cents);
    set.push("PO1", &[&number, &quantity, &line.unit, &price, "", "BP", &line.buyer_part, "VP", &line.vendor_part]);
}
