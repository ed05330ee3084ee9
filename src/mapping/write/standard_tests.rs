//! The mappings that are compiled in, held to the standard: what a rule takes for a date is one there, and the codes that
//! stand for our words are codes of that element.

use std::collections::BTreeSet;

use super::plan::{Bounded, SegmentPlan, Step, What, WritePlan};
use crate::{
    mapping::{
        Library, Mapping,
        convert::Converter,
        plan::{Convert, FieldRule},
    },
    x12::standard::{Content, ElementDef, ElementKind},
};

/// All segments of a plan, those that open the items of lists first.
fn segments(plan: &WritePlan) -> Vec<&SegmentPlan> {
    let mut all: Vec<&SegmentPlan> = plan.lists.iter().flatten().map(|block| &block.head).collect();
    let mut steps: Vec<&Step> = plan.lists.iter().flatten().flat_map(|block| &block.inner).chain(&plan.body).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::Segment { plan, .. } => {
                all.push(plan);
                steps.extend(&plan.inner);
            }
            Step::Bounded(bounded) => {
                let Bounded { open, close, .. } = &**bounded;
                all.extend([open, close]);
            }
            Step::Items { .. } => {}
        }
    }
    all
}

/// The rules with the element that each is written to.
fn places(plan: &WritePlan) -> Vec<(String, u32, &ElementDef)> {
    let mut all = Vec::new();
    for segment in segments(plan) {
        let Some(standard) = &segment.standard else { continue };
        let mut put = |element: u8, component: u8, rule: u32| {
            let there = standard.elements.get(usize::from(element).wrapping_sub(1)).map(|there| &there.content);
            let there = match there {
                Some(Content::Simple(element)) if component <= 1 => Some(element),
                Some(Content::Composite(composite)) => {
                    match composite.components.get(usize::from(component.max(1)) - 1).map(|inner| &inner.content) {
                        Some(Content::Simple(element)) => Some(element),
                        _ => None,
                    }
                }
                _ => None,
            };
            if let Some(there) = there {
                all.push((format!("{}{element:02}", segment.tag), rule, there));
            }
        };
        for one in &segment.puts {
            if let What::Field { rule, .. } | What::Agrees { rule, .. } = one.what {
                put(one.element, one.component, rule);
            }
        }
        if let Some(pairs) = &segment.pairs {
            for named in &pairs.named {
                put(pairs.pairs.first + 1, 0, named.rule);
            }
            for (_, rule, part, component) in pairs.list.iter().flat_map(|run| &run.own) {
                put(pairs.pairs.first + *part as u8, *component, *rule);
            }
        }
        for run in segment.elements.iter().chain(segment.pairs.iter().filter_map(|pairs| pairs.list.as_ref())) {
            for (_, rule, element, component) in &run.beside {
                put(*element, *component, *rule);
            }
        }
    }
    all
}

/// What does not fit in a rule's place, if anything.
fn unfit(mapping: &Mapping, rule: &FieldRule, there: &ElementDef) -> Option<String> {
    let kind = there.kind;
    let fits = match &rule.convert {
        Convert::Value(converter) => match converter {
            // A number that names something, like a control number, keeps its zeros: it is a text.
            Converter::Text | Converter::Wrap(_) | Converter::Trim | Converter::Upper | Converter::Pad(_) => {
                matches!(kind, ElementKind::Text | ElementKind::Code | ElementKind::Integer(0))
            }
            Converter::Int => matches!(kind, ElementKind::Integer(0) | ElementKind::Decimal),
            Converter::Decimal => matches!(kind, ElementKind::Integer(0) | ElementKind::Decimal),
            Converter::Implied(places) => kind == ElementKind::Integer(*places),
            Converter::Date => kind == ElementKind::Date,
            Converter::Time => kind == ElementKind::Time,
            Converter::DateTime | Converter::Bool(..) | Converter::Named(_) => true,
        },
        Convert::Codes(table, _) => {
            let table = mapping.tables.get(usize::from(*table))?;
            let known = there.codes.as_ref();
            let codes = table.words().filter_map(|word| table.write(word));
            let foreign: Vec<&str> =
                codes.filter(|code| known.is_some_and(|known| !known.contains(code.as_bytes()))).collect();
            if !foreign.is_empty() {
                return Some(format!("element {} has no code {}", there.number, foreign.join(" ")));
            }
            matches!(kind, ElementKind::Text | ElementKind::Code)
        }
        Convert::Cross(..) => true,
    };
    (!fits).then(|| format!("element {} is {kind:?}", there.number))
}

#[test]
fn every_rule_is_of_the_type_and_the_codes_that_its_place_has_in_the_standard() {
    let library = Library::builtin().unwrap();
    let mut told = BTreeSet::new();
    for mapping in library.iter() {
        for plan in mapping.writing.iter() {
            for (place, number, there) in places(plan) {
                let rule = &mapping.plan.rules[number as usize];
                if let Some(unfit) = unfit(mapping, rule, there) {
                    told.insert(format!("{} {} {} {place}: {unfit}", mapping.id(), plan.version, rule.origin.name));
                }
            }
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}
