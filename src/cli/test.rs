//! `gangway test`: the mappings' fixtures, in every direction that there is.

use std::{path::PathBuf, process::ExitCode};

use super::{CONFIGURATION, FINDINGS, USAGE, exit, operate, print_text};
use crate::mapping::{
    Library, OneWay,
    fixtures::{self, Coverage},
};

/// Runs mapping fixtures.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The mapping's id; without one, all.
    mapping: Option<String>,
    /// Write what comes out into the fixtures instead of comparing.
    #[arg(long)]
    accept: bool,
    /// The gateway's settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How much of its fixtures a mapping has rules for, and which of its rules hold in one direction only.
pub(super) fn covered(library: &Library, coverage: &Coverage) -> String {
    let Coverage { mapping, seen, unmapped } = coverage;
    let mut text =
        format!("{mapping}: {} of {seen} elements seen in the fixtures are mapped", seen - unmapped.len().min(*seen));
    if !unmapped.is_empty() {
        text += &format!("; not {}", unmapped.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    }
    text.push('\n');
    for rule in library.by_id(mapping).into_iter().flat_map(|mapping| mapping.rules()) {
        if let Some(one_way) = rule.one_way {
            let way = match one_way {
                OneWay::Read => "only read",
                OneWay::Write => "only written",
            };
            text += &format!("  {way}: {} = \"{}\" ({}:{})\n", rule.field, rule.place, rule.file, rule.line);
        }
    }
    text
}

/// Runs the command: exit 0 if all fixtures are as they should be.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = operate::settings(args.config.as_deref())?;
    let (library, findings) = Library::load(Some(&settings.mappings));
    if let Some(first) = findings.iter().find(|one| one.is_error()) {
        return Err(exit(CONFIGURATION, format!("error[{}]: {}; gangway check tells more", first.code, first.message)));
    }
    if let Some(id) = &args.mapping
        && library.by_id(id).is_none()
    {
        return Err(exit(USAGE, format!("there is no mapping {id}")));
    }
    let outcomes = fixtures::run(&library, &settings.mappings, args.mapping.as_deref(), args.accept)?;
    let mut failed = 0;
    for outcome in &outcomes {
        let file = outcome.file.display();
        match (outcome.failures.as_slice(), outcome.blessed) {
            ([], true) => print_text(&format!("accepted  {file}\n"))?,
            ([], false) => print_text(&format!("ok        {file}\n"))?,
            (failures, _) => {
                failed += 1;
                print_text(&format!("FAILED    {file}\n"))?;
                for failure in failures {
                    print_text(&format!("          {failure}\n"))?;
                }
            }
        }
    }
    print_text(&format!("{} fixture(s), {failed} failed.\n", outcomes.len()))?;
    for coverage in fixtures::coverage(&outcomes) {
        print_text(&covered(&library, &coverage))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn coverage_names_what_no_rule_takes_and_the_place_of_what_goes_one_way() {
        let library = Library::builtin().unwrap();
        let unmapped = BTreeSet::from(["/cXML/Request/OrderRequest/ItemOut/@isAdHoc".to_owned()]);
        let text = covered(&library, &Coverage { mapping: "cxml-order".to_owned(), seen: 65, unmapped });
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(
            first,
            "cxml-order: 64 of 65 elements seen in the fixtures are mapped; not /cXML/Request/OrderRequest/ItemOut/@isAdHoc"
        );
        let one_way =
            "  only read: lines.price.basis = \"ItemDetail/PriceBasisQuantity/@quantity\" (mappings/cxml/order.toml:";
        assert!(rest.lines().any(|line| line.starts_with(one_way)), "{rest}");
    }

    #[test]
    fn every_rule_of_every_mapping_tells_its_place() {
        let library = Library::builtin().unwrap();
        for mapping in library.iter() {
            let silent: Vec<_> = mapping.rules().filter(|rule| rule.place.is_empty()).map(|rule| rule.field).collect();
            assert!(silent.is_empty(), "{}: {silent:?}", mapping.id());
        }
    }
}
