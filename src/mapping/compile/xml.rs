//! From a mapping file for XML to its plan. Names are checked against the canonical document as for X12; places become ways
//! with numbered names.

use std::collections::HashMap;

use super::{Compiler, join};
use crate::{
    config::Diagnostic,
    mapping::{
        codes,
        convert::{Converter, Scalar},
        file::{
            Codes, Field, List, Rule, Scope, Spot, Word, did_you_mean,
            xml::{Bound, XmlParts},
        },
        merge,
        plan::Convert,
        shape::{Shape, Shapes},
        xml_place::{Path, Test},
        xml_plan::{
            Entry, Group, Inherited, Item, ItemPlan, ListPlan, Opener, QName, Repeat, Through, Way, WayStep, WayTest,
            What, XmlPlan,
        },
    },
};

/// The namespace of the prefix `xml`, which nobody declares.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Compiles a mapping of XML whose `extends` and `like` are settled.
pub(crate) fn compile_xml(
    scope: &Scope,
    parts: &XmlParts,
    shapes: &Shapes,
    tables: &[Codes],
    header: &Spot,
) -> Result<XmlPlan, Vec<Diagnostic>> {
    let mut compiler = XmlCompiler {
        inner: Compiler::new(shapes, tables),
        parts,
        names: vec![QName::default()],
        keys: HashMap::new(),
    };
    let root = match &parts.root {
        Some(root) => root.text.split('/').map(|name| compiler.name(name, true, root)).collect(),
        None => Vec::new(),
    };
    let document = compiler.group(scope, 0, "", None, header);
    let envelope = compiler.bound(&parts.envelope);
    let constants = compiler.bound(&parts.constants);
    let repeats = compiler.repeats();
    let sequence = parts
        .sequence
        .iter()
        .map(|(element, children)| {
            let order = (0u32..).zip(children).map(|(number, word)| (compiler.listed(word), number)).collect();
            (compiler.listed(element), order)
        })
        .filter(|(element, _)| *element != 0)
        .collect();
    let mut namespaces: Vec<_> =
        parts.namespaces.iter().map(|(prefix, uri)| (prefix.text.clone(), uri.text.clone())).collect();
    namespaces.extend(parts.namespace.as_ref().map(|uri| (String::new(), uri.text.clone())));
    namespaces.sort();
    if !compiler.inner.found.is_empty() {
        return Err(compiler.inner.found);
    }
    Ok(XmlPlan {
        names: compiler.names,
        namespaces,
        root,
        rules: compiler.inner.rules,
        tables: compiler.inner.table_list,
        document,
        envelope,
        constants,
        repeats,
        sequence,
        dialect: parts.dialect.as_ref().map_or_else(|| "xml".to_owned(), |word| word.text.clone()),
        document_type: parts.document_type.as_ref().map(|word| word.text.clone()),
    })
}

struct XmlCompiler<'a> {
    inner: Compiler<'a>,
    parts: &'a XmlParts,
    names: Vec<QName>,
    /// Steps as they are written, tests and all, and their numbers.
    keys: HashMap<String, u32>,
}

impl XmlCompiler<'_> {
    /// The number of a name.
    fn name(&mut self, written: &str, element: bool, word: &Word) -> u16 {
        let namespace = match written.split_once(':') {
            Some(("xml", _)) => XML_NAMESPACE,
            Some((prefix, _)) => match self.parts.namespaces.iter().find(|(own, _)| own.text == prefix) {
                Some((_, uri)) => &uri.text,
                None => {
                    let known = self.parts.namespaces.iter().map(|(own, _)| own.text.as_str());
                    let hint = did_you_mean(prefix, known).map_or_else(
                        || format!("declare it: [namespaces] {prefix} = \"…\""),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message = format!("the prefix `{prefix}` is not declared");
                    self.inner.say(word.error(codes::BAD_PLACE, message, Some(hint)));
                    return 0;
                }
            },
            None if element => self.parts.namespace.as_ref().map_or("", |uri| uri.text.as_str()),
            None => "",
        };
        let local = written.rsplit(':').next().unwrap_or_default();
        self.number(QName { namespace: namespace.to_owned(), local: local.to_owned(), written: written.to_owned() })
    }

    /// A name of a `sequence`: those of other namespaces than this file's are passed over.
    fn listed(&mut self, word: &Word) -> u16 {
        let known = word.text.split_once(':').is_none_or(|(prefix, _)| {
            prefix == "xml" || self.parts.namespaces.iter().any(|(own, _)| own.text == prefix)
        });
        if known { self.name(&word.text, true, word) } else { 0 }
    }

    fn number(&mut self, name: QName) -> u16 {
        let known = self.names.iter().position(|other| *other == name);
        known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        }) as u16
    }

    fn way(&mut self, path: &Path, word: &Word) -> Way {
        let steps = path
            .steps
            .iter()
            .map(|step| {
                let name = self.name(&step.name, true, word);
                let tests = step.tests.iter().map(|test| self.test(test, word)).collect();
                let next = self.keys.len() as u32;
                let key = *self.keys.entry(format!("{step:?}")).or_insert(next);
                WayStep { name, tests, key }
            })
            .collect();
        let attribute = path.attribute.as_ref().map(|name| self.name(name, false, word));
        Way { absolute: path.absolute, up: path.up, steps, attribute }
    }

    fn test(&mut self, test: &Test, word: &Word) -> WayTest {
        WayTest { way: self.way(&test.path, word), wants: test.wants.clone() }
    }

    fn ways(&mut self, rule: &Rule) -> Box<[Way]> {
        rule.paths.iter().map(|(path, word)| self.way(path, word)).collect()
    }

    fn bound(&mut self, bound: &[Bound]) -> Vec<(Way, String)> {
        bound.iter().map(|one| (self.way(&one.path, &one.place), one.says.text.clone())).collect()
    }

    fn repeats(&mut self) -> Vec<Repeat> {
        let mut repeats = Vec::new();
        for (field, places) in &self.parts.repeats {
            let mut pairs = Vec::new();
            for (path, word) in places {
                match (path.steps.as_slice(), &path.attribute) {
                    ([step], Some(attribute)) if step.tests.is_empty() => {
                        pairs.push((self.name(&step.name, true, word), self.name(attribute, false, word)));
                    }
                    _ => {
                        let hint = Some("like `cbc:PriceAmount/@currencyID`".to_owned());
                        let message = "an element's name and one attribute belong here";
                        self.inner.say(word.error(codes::BAD_PLACE, message, hint));
                    }
                }
            }
            repeats.push(Repeat { field: field.text.split('.').map(str::to_owned).collect(), places: pairs });
        }
        repeats
    }

    /// The rules of one object. `kind` is the field, and its word, that the item's place says.
    fn group(&mut self, scope: &Scope, object: usize, name: &str, kind: Option<(&Word, &Word)>, spot: &Spot) -> Group {
        let mut bound: Vec<(&[String], What)> = Vec::new();
        for Field { path, spot, rule } in &scope.fields {
            let Some(rule) = rule else { continue };
            let full = join(name, path);
            let Some(shape) = self.inner.find(Some(object), path, spot, &full, rule, true) else { continue };
            let ways = self.ways(rule);
            let number = self.rule(rule, &shape, full, spot);
            bound.push((path, What::Field { ways, rule: number }));
        }
        for named in &scope.lists {
            let Some(list) = &named.list else { continue };
            let full = join(name, &named.path);
            let Some(items) = self.inner.find_list(Some(object), &named.path, &named.spot, &full, true) else {
                continue;
            };
            let plan = self.list(list, &items, &full);
            bound.push((&named.path, What::List(plan)));
        }
        let entries = self.lay_out(object, &mut bound, 0, name, kind, spot);
        let computed =
            scope.computed_xml.iter().map(|(path, word, computed)| (self.way(path, word), computed.clone())).collect();
        Group { entries, computed }
    }

    fn rule(&mut self, rule: &Rule, shape: &Shape, full: String, spot: &Spot) -> u32 {
        let mut compiled = self.inner.rule(rule, shape, full, spot);
        if let Some((Converter::Wrap(_), word)) = &rule.convert {
            let hint = Some("leave `as` away: an element of XML holds any text".to_owned());
            self.inner.say(word.error(codes::BAD_CONVERTER, "no text is too long for XML", hint));
        }
        // XML has words of its own for yes and no.
        if let (None, Convert::Value(Converter::Bool(yes, no))) = (&rule.convert, &mut compiled.convert) {
            (*yes, *no) = ("true".to_owned(), "false".to_owned());
        }
        self.inner.rules.push(compiled);
        self.inner.rules.len() as u32 - 1
    }

    /// The entries of an object in the order of its schema; `depth` names of their paths are behind us.
    fn lay_out(
        &mut self,
        object: usize,
        bound: &mut Vec<(&[String], What)>,
        depth: usize,
        name: &str,
        kind: Option<(&Word, &Word)>,
        spot: &Spot,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        let shapes = self.inner.shapes;
        for field in shapes.fields(object) {
            let here = |path: &[String]| path.get(depth) == Some(&field.name);
            if let Some((_, word)) = kind.filter(|(by, _)| depth == 0 && by.text == field.name) {
                entries.push(Entry { name: field.name.clone(), needed: false, what: What::Word(word.text.clone()) });
                continue;
            }
            let full = if name.is_empty() { field.name.clone() } else { format!("{name}.{}", field.name) };
            let exact = bound.iter().position(|(path, _)| path.len() == depth + 1 && here(path));
            let what = match (exact, &field.shape) {
                (Some(at), _) => bound.remove(at).1,
                (None, Shape::Object(inner)) if bound.iter().any(|(path, _)| here(path)) => {
                    let (mut within, others) = std::mem::take(bound).into_iter().partition(|(path, _)| here(path));
                    *bound = others;
                    let entries = self.lay_out(*inner, &mut within, depth + 1, &full, None, spot);
                    What::Group(Group { entries, computed: Vec::new() })
                }
                _ => {
                    if field.required {
                        let message = format!("every document needs `{full}`, and no rule fills it");
                        let hint = Some(format!("bind it to a place: {} = \"…\"", field.name));
                        self.inner.say(spot.error(codes::UNFILLED_FIELD, message, hint));
                    }
                    continue;
                }
            };
            entries.push(Entry { name: field.name.clone(), needed: field.required, what });
        }
        entries
    }

    fn list(&mut self, list: &List, items: &Shape, name: &str) -> ListPlan {
        let mut kinds = Vec::new();
        if let (true, Some((word, _))) = (list.by.is_none(), list.of.first()) {
            let hint = Some("say which field tells them apart: `by = \"role\"`".to_owned());
            self.inner.say(word.error(codes::MISSING_KEY, format!("the list `{name}` has kinds, and no `by`"), hint));
        }
        for (word, own) in &list.of {
            let (Some(own), Some(by)) = (own, &list.by) else { continue };
            self.check_word(items, by, word, name);
            // What the list says holds for every kind of it.
            let scope = merge::scope(list.scope.clone(), own.scope.clone());
            let whole = List { scope, value: own.value.clone().or_else(|| list.value.clone()), ..own.clone() };
            kinds.extend(self.kind(&whole, items, name, Some((by, word))));
        }
        if list.opens || kinds.is_empty() {
            kinds.extend(self.kind(list, items, name, None));
        }
        let through = list.through.iter().map(|(word, fields)| Through {
            word: word.text.clone(),
            fields: fields.iter().map(|field| Inherited::parse(&field.text)).collect(),
        });
        ListPlan { by: list.by.as_ref().map(|by| by.text.clone()), kinds, through: through.collect() }
    }

    /// Says where the field that tells kinds apart cannot be this word.
    fn check_word(&mut self, items: &Shape, by: &Word, word: &Word, name: &str) {
        let Shape::Object(object) = items else { return };
        match self.inner.shapes.field(*object, &by.text).map(|field| &field.shape) {
            Some(Shape::Scalar(Scalar::Text, Some(known)))
                if !known.contains(&word.text) && !crate::document::is_foreign_code(&word.text) =>
            {
                let near = did_you_mean(&word.text, known.iter().map(String::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let message = format!("`{}` of `{name}` cannot be `{}`", by.text, word.text);
                self.inner.say(word.error(codes::BAD_TABLE, message, hint));
            }
            Some(Shape::Scalar(Scalar::Text, _)) => {}
            _ => {
                let message = format!("the items of `{name}` have no word `{}` to be told apart by", by.text);
                self.inner.say(by.error(codes::UNKNOWN_FIELD, message, None));
            }
        }
    }

    fn kind(&mut self, list: &List, items: &Shape, name: &str, kind: Option<(&Word, &Word)>) -> Option<ItemPlan> {
        if !list.opens {
            let hint = Some("say what opens an item: `each = \"cac:OrderLine\"`".to_owned());
            let of =
                kind.map_or_else(|| format!("the list `{name}`"), |(_, word)| format!("`{name}` of `{}`", word.text));
            self.inner.say(list.spot.error(codes::MISSING_KEY, format!("{of} has no `each`"), hint));
            return None;
        }
        let mut openers = Vec::new();
        for (path, word) in &list.paths {
            if path.attribute.is_some() {
                let hint = Some("name the element, and the attribute in `value`".to_owned());
                self.inner.say(word.error(codes::BAD_OPENER, "an element opens an item, not an attribute", hint));
            }
            openers.push(Opener { way: self.way(path, word), repeats: path.repeats });
        }
        let item = match (items, &list.value) {
            (Shape::Object(object), None) => Item::Object(self.group(&list.scope, *object, name, kind, &list.spot)),
            (Shape::Object(_), Some(rule)) => {
                let message = format!("the items of `{name}` are objects: they have `fields`, not a `value`");
                self.inner.say(rule.spot.error(codes::WRONG_KIND, message, None));
                return None;
            }
            (shape, Some(rule)) => {
                let ways = self.ways(rule);
                let rule = self.rule(rule, shape, name.to_owned(), &list.spot);
                Item::Plain { ways, rule }
            }
            (_, None) => {
                let message = format!("the items of `{name}` are plain values: say where they stand with `value`");
                self.inner.say(list.spot.error(codes::MISSING_KEY, message, None));
                return None;
            }
        };
        Some(ItemPlan { word: kind.map(|(_, word)| word.text.clone()), openers, item })
    }
}
