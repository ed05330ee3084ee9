//! Thousands of partner files: the first read, a look at which nothing changed, and a reload of one change among them.

use std::{fs, path::Path, time::Instant};

use gangway::{
    mapping::Library,
    partner::{Loader, Sources},
};

/// How many partners, and how often each thing is done.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Partner files.
    #[arg(long, default_value_t = 5_000)]
    partners: usize,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// Writes the files and measures.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let partners = folder.path().join("partners");
    fs::create_dir(&partners)?;
    for number in 0..options.partners {
        write(&partners, number, "600/min")?;
    }
    // A stamp counts once it is a few seconds old, as those of all files but the changed one are in life.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let library = Library::builtin().map_err(|found| anyhow::anyhow!("{found:?}"))?;
    let has_mapping = |id: &str| library.by_id(id).is_some();
    let sources = Sources { partners: partners.clone(), largest_body: 1 << 30, ..Sources::default() };
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let mut times = Vec::new();
    for _ in 0..options.rounds {
        let begun = Instant::now();
        let (directory, findings) = Loader::new(sources.clone()).load(&has_mapping);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(directory.partners().count() == options.partners && findings.is_empty(), "{findings:?}");
    }
    println!("check of {} partners            {:>8.1} ms", options.partners, median(times));

    let loader = Loader::new(Sources { last_good: Some(folder.path().join("last-good")), ..sources });
    loader.load(&has_mapping);
    let (mut looks, mut reloads) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let begun = Instant::now();
        anyhow::ensure!(!loader.has_changed(), "nothing changed");
        looks.push(begun.elapsed().as_secs_f64() * 1e3);
        write(&partners, options.partners / 2, &format!("{}/min", 601 + round))?;
        let begun = Instant::now();
        anyhow::ensure!(loader.has_changed(), "one file changed");
        let (directory, _) = loader.load(&has_mapping);
        reloads.push(begun.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(directory.partners().count() == options.partners, "all are there");
    }
    println!("a look, nothing changed          {:>8.1} ms", median(looks));
    println!("reload of one change             {:>8.1} ms", median(reloads));
    Ok(())
}

fn write(folder: &Path, number: usize, rate: &str) -> std::io::Result<()> {
    let text = format!(
        "name          = \"Partner {number}\"\ntemplate      = \"api-x12\"\nstatus        = \"live\"\n\
         vendor_number = \"{number}\"\n\n[x12]\nids  = [\"ZZ/P{number}\"]\nours = \"ZZ/US\"\n\n\
         [x12.overlay.elements.REF02]\nmax = 40\n\n[rest]\napi_keys = [\"sha256:{number:064x}\"]\n\n\
         [limits]\nrequests = \"{rate}\"\n"
    );
    fs::write(folder.join(format!("p{number}.toml")), text)
}
