//! The fuzz targets on any compiler: over their seeds, and over what a small mutator makes of those. The mutator's numbers are
//! always the same, so that what fails once fails again.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use crate::{
    fuzz_targets::{TARGETS, made, run},
    util::full,
};

/// Mutants of each seed. Files are compiled with everything that is built in, which takes its time.
fn mutants(target: &str) -> usize {
    let quick = match target {
        "mapping_file" => 4,
        "partner_file" | "settings_file" => 20,
        _ => 60,
    };
    if full() { quick * 20 } else { quick }
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let mut seeds: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    let made = made(target).into_iter().enumerate();
    seeds.extend(made.map(|(nth, bytes)| (format!("made {nth}"), bytes)));
    seeds
}

/// SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

/// What parsers stumble over: ends of ranges, separators, beginnings of things.
const BAIT: &[&[u8]] = &[
    b"\x00",
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xe2\x80",
    b"~",
    b"*",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"ISA*",
    b"IEA*1*1~",
    b"ST*850*0001~",
    b"SE*3*0001~",
    b"BIN*99999999999*",
    b"BIN*3*",
    b"HL*1*1*S~",
    b"-1",
    b"0",
    b"99999999999999999999999999999999",
    b"\x30\x80",
    b"\x24\x80",
    b"\x00\x00",
    b"\x84\xff\xff\xff\xff",
    b"--",
    b"\"",
    b"=\n",
    b"<![CDATA[",
    b"<a b='c'/>",
    b"&#x110000;",
    b"&amp;",
    b"../",
    b"[[",
    b"]]",
    b"\"\"\"",
];

fn mutant(seed: &[u8], others: &[(String, Vec<u8>)], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let to = (at + numbers.below(40)).min(bytes.len());
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            3 => bytes.truncate(at),
            4 => {
                let (_, other) = &others[numbers.below(others.len())];
                let from = numbers.below(other.len() + 1);
                let until = (from + numbers.below(80)).min(other.len());
                bytes.splice(at..to, other[from..until].iter().copied());
            }
            5 => drop(bytes.splice(at..to, BAIT[numbers.below(BAIT.len())].iter().copied())),
            _ => drop(bytes.splice(at..at, BAIT[numbers.below(BAIT.len())].iter().copied())),
        }
    }
    bytes
}

#[test]
fn every_target_keeps_its_laws() {
    let only = std::env::var("GANGWAY_FUZZ").ok();
    let mut broken = Vec::new();
    for (name, _) in TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        let mut numbers = Numbers(1);
        let mut tell = |what: String, bytes: &[u8]| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(name, bytes))) {
                let why = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
                broken.push(format!("{name}: {what}: {why}\n  {}", bytes.escape_ascii()));
            }
        };
        for (seed, bytes) in &seeds {
            tell(seed.clone(), bytes);
            for nth in 0..mutants(name) {
                let mutant = mutant(bytes, &seeds, &mut numbers);
                tell(format!("mutant {nth} of {seed}"), &mutant);
            }
        }
    }
    let few = broken.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(broken.is_empty(), "{} inputs break a law, the first of them:\n{few}", broken.len());
}

#[test]
fn every_target_has_a_binary_for_the_fuzzer() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let binary = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(binary.contains(&format!("gangway_fuzz::run(\"{name}\", bytes)")), "{name}");
    }
    assert_eq!(fs::read_dir(folder.join("fuzz_targets")).unwrap().count(), TARGETS.len());
}
