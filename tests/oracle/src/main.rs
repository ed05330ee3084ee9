//! Comparisons with other people's libraries, which the product's build never sees.
//!
//! `cargo run -p gangway-oracle` prints what differs; `cargo test -p gangway-oracle` fails on what should not.

mod codes;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod schemas;
mod shape;
mod tables;
#[cfg(test)]
mod written;

fn main() {
    for list in codes::compare() {
        println!("{list}");
    }
    let (tables, elements) = tables::compare();
    for table in tables {
        println!("{table}");
    }
    println!("{elements}");
}
