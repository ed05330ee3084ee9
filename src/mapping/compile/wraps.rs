//! Which items may hold parts of one text: those whose text is wrapped, and stands in the segment that opens them.

use std::collections::HashSet;

use crate::{
    config::Diagnostic,
    mapping::{
        codes,
        convert::Converter,
        plan::{Act, Convert, From, Plan, What, Wraps},
        wrap,
    },
};

/// Notes it for every kind of item. Tells the rules that wrap a text which nothing can go on.
pub(super) fn bind(plan: &mut Plan, states: usize, tags: &[&str]) -> Vec<Diagnostic> {
    let mut bound = HashSet::new();
    let mut found: Vec<(u16, u16, bool, &str, usize)> = Vec::new();
    for state in 0..states {
        for tag in tags {
            let Some(entry) = plan.steps.get(state * plan.tags.len() + plan.tags.find(tag.as_bytes())) else {
                continue;
            };
            let first = entry.first as usize;
            let actions = plan.actions.get(first..first + usize::from(entry.count)).unwrap_or_default();
            let opened =
                |wanted: u16| actions.iter().any(|one| matches!(&one.act, Act::Open(open) if open.kind == wanted));
            let mut field = |kind: u16, cell: u16, element: u8| {
                let (rule, width) = wrapped(plan, kind, cell, tag, element)?;
                bound.insert(rule);
                Some(width)
            };
            for action in actions {
                match &action.act {
                    Act::Fill { kind, sets } if opened(*kind) => {
                        for (cell, element) in sets {
                            found.extend(field(*kind, *cell, *element).map(|width| (*kind, *cell, false, *tag, width)));
                        }
                    }
                    Act::Set { kind, slot, element, component: 0 } if opened(*kind) => {
                        found.extend(field(*kind, *slot, *element).map(|width| (*kind, *slot, false, *tag, width)));
                    }
                    Act::OpenEach(each) => {
                        let From::Element { element, component: 0, repeats: false } = each.from else { continue };
                        let Some(width) = field(each.kind, 0, element) else { continue };
                        found.push((each.kind, 0, false, tag, width));
                        if opened(each.parent) {
                            found.push((each.parent, each.head, true, tag, width));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    for (kind, cell, list, tag, width) in found {
        let Some(kind) = plan.kinds.get_mut(usize::from(kind)) else { continue };
        let wraps = kind.wraps.get_or_insert_with(|| Box::new(Wraps { cell, list, widths: Vec::new() }));
        let width = (tag.as_bytes().into(), width as u16);
        if wraps.cell == cell && !wraps.widths.contains(&width) {
            wraps.widths.push(width);
        }
    }
    let lost =
        plan.rules.iter().zip(0u32..).filter(|(rule, number)| {
            matches!(rule.convert, Convert::Value(Converter::Wrap(_))) && !bound.contains(number)
        });
    let told = lost.map(|(rule, _)| {
        let message =
            format!("`{}` cannot be wrapped: what is too long for it has no next one to go on in", rule.origin.name);
        let hint = "wrap the text of a list whose `each` is the text's own element or segment, like `MSG01` or `PID`";
        rule.origin.spot.error(codes::BAD_CONVERTER, message, Some(hint.to_owned()))
    });
    told.collect()
}

/// The rule of a cell, and how many characters it lets into its element, if its text is wrapped.
fn wrapped(plan: &Plan, kind: u16, cell: u16, tag: &str, element: u8) -> Option<(u32, usize)> {
    let op = plan.kinds.get(usize::from(kind))?.layout.ops.get(usize::from(cell))?;
    let What::Field { rule } = op.what else { return None };
    Some((rule, wrap::width(&plan.rules.get(rule as usize)?.convert, tag, element)?))
}
