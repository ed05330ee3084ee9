//! The rules of fields: converters, code tables, defaults, checked against what the field holds.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::Compiler;
use crate::{
    config::Diagnostic,
    mapping::{
        codes,
        convert::{Converter, Scalar},
        file::{Codes, Only, Rule, Spot, Word, did_you_mean},
        place::{Leaf, Place},
        plan::{Convert, FieldRule, Origin},
        shape::Shape,
        table::{Missing, Table},
        text::{Charset, write_string},
    },
};

impl<'a> Compiler<'a> {
    pub(super) fn take_tables(&mut self, tables: &'a [Codes]) {
        for table in tables {
            let compiled = compile_table(table, &mut self.found);
            self.tables.insert(&table.name.text, self.table_list.len() as u16);
            self.table_list.push(Arc::new(compiled));
        }
    }

    pub(super) fn rule(&mut self, rule: &Rule, shape: &Shape, name: String, spot: &Spot) -> FieldRule {
        let (scalar, words) = match shape {
            Shape::Scalar(scalar, words) => (*scalar, words.as_deref()),
            _ => (Scalar::Text, None),
        };
        let convert = match (&rule.codes, &rule.convert) {
            (None, None) if rule.lookup.is_some() => self.cross(rule, scalar, words, &name),
            (Some(codes), convert) => {
                if let Some((_, word)) = convert {
                    self.say(word.error(codes::BAD_CONVERTER, "a rule has `codes` or `as`, not both", None));
                }
                self.table(codes, rule, scalar, words, &name)
            }
            (None, convert) => {
                if let Some(known) = words {
                    let hint = format!(
                        "give it `codes`: a table from the partner's codes to `{}`…",
                        known.iter().take(3).cloned().collect::<Vec<_>>().join("`, `")
                    );
                    self.say(rule.spot.error(
                        codes::BAD_TABLE,
                        format!("`{name}` holds one of our words, not a code as sent"),
                        Some(hint),
                    ));
                }
                let converter = match convert {
                    None => Converter::of(scalar),
                    Some((converter, word)) => {
                        if converter.makes() != scalar {
                            let message = format!(
                                "`{}` makes {}, and `{name}` is {}",
                                word.text,
                                converter.makes().name(),
                                scalar.name()
                            );
                            self.say(word.error(codes::BAD_CONVERTER, message, None));
                        }
                        converter.clone()
                    }
                };
                Convert::Value(converter)
            }
        };
        let default = rule.default.as_ref().and_then(|word| {
            let json = literal(&word.text, scalar, words);
            if json.is_none() {
                let message = format!("`{}` cannot be a default: `{name}` is {}", word.text, scalar.name());
                self.say(word.error(
                    codes::WRONG_KIND,
                    message,
                    words.map(|known| format!("one of `{}`", known.join("`, `"))),
                ));
            }
            // What is read as the default must have a form to be written in, or the rule is for reading only.
            if json.is_some() && self.written_form(&convert, &word.text).is_none() && rule.only != Some(Only::Read) {
                let hint = Some("add its code to the table, or say `only = \"read\"`".to_owned());
                self.say(word.error(
                    codes::BAD_TABLE,
                    format!("the default `{}` could not be written back", word.text),
                    hint,
                ));
            }
            json
        });
        let place = rule.at.first().map(|(place, _)| match place {
            Place::Segment { step, leaf: Leaf::Element { element, .. }, .. } => (step.tag.clone(), *element),
            Place::Segment { step, .. } => (step.tag.clone(), 0),
            Place::Own { .. } => (String::new(), 0),
        });
        let places = rule.at.iter().map(|(_, word)| word).chain(rule.paths.iter().map(|(_, word)| word));
        let origin = Origin {
            name,
            at: places.map(|word| word.text.as_str()).collect::<Vec<_>>().join(", "),
            place: place.unwrap_or_default(),
            line_column: spot.line_column(),
            spot: spot.clone(),
        };
        let constant: Option<Box<[u8]>> = rule.constant.as_ref().map(|word| word.text.as_bytes().into());
        FieldRule {
            default,
            absent: constant.clone().or_else(|| self.written_form(&convert, &rule.default.as_ref()?.text)),
            constant,
            shared: false,
            computed: rule.compute.is_some() || rule.filler.is_some(),
            filler: self.filler(rule, &convert),
            leaves_foreign: rule.leaves_foreign,
            omit: rule.omit.as_ref().map(|word| word.text.as_str().into()),
            convert,
            required: rule.required,
            only: rule.only,
            origin: Box::new(origin),
        }
    }

    /// What fills a place that the document leaves empty, in the partner's form.
    fn filler(&mut self, rule: &Rule, convert: &Convert) -> Option<Box<[u8]>> {
        let word = rule.filler.as_ref()?;
        let written = self.written_form(convert, &word.text);
        if written.is_none() {
            let message = format!("the filler `{}` could not be written", word.text);
            let hint = "say one of our words, as documents have it: `original`, `buyer`, `00:00:00`".to_owned();
            self.say(word.error(codes::BAD_TABLE, message, Some(hint)));
        }
        written
    }

    /// A rule with a cross-reference: the partner's names of things and ours.
    fn cross(&mut self, rule: &Rule, scalar: Scalar, words: Option<&[String]>, name: &str) -> Convert {
        let Some(lookup) = &rule.lookup else { return Convert::Value(Converter::of(scalar)) };
        if scalar != Scalar::Text || words.is_some() {
            let message = format!("`{name}` is {}: only names and numbers as sent can be looked up", scalar.name());
            self.say(lookup.error(codes::BAD_TABLE, message, Some("say `codes` for words of ours".to_owned())));
        }
        match self.tables.get(lookup.text.as_str()) {
            Some(table) => Convert::Cross(*table, rule.missing),
            None => {
                let hint = match did_you_mean(&lookup.text, self.tables.keys().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add it as tables/{}.csv or under [codes.{0}]", lookup.text),
                };
                let message = format!("there is no table `{}`", lookup.text);
                self.say(lookup.error(codes::BAD_TABLE, message, Some(hint)));
                Convert::Value(Converter::of(scalar))
            }
        }
    }

    /// The partner's form of one of our values.
    fn written_form(&self, convert: &Convert, value: &str) -> Option<Box<[u8]>> {
        let table = |number: u16| self.table_list.get(usize::from(number));
        match convert {
            Convert::Value(converter) => {
                let mut out = Vec::new();
                converter.write(value, &mut out)?;
                Some(out.into())
            }
            Convert::Codes(number, _) => table(*number)?.write(value).map(|code| code.as_bytes().into()),
            Convert::Cross(number, missing) => {
                table(*number)?.cross(value, *missing).map(|code| code.as_bytes().into())
            }
        }
    }

    pub(super) fn table(
        &mut self,
        codes: &Word,
        rule: &Rule,
        scalar: Scalar,
        words: Option<&[String]>,
        name: &str,
    ) -> Convert {
        let Some(table) = self.tables.get(codes.text.as_str()).copied() else {
            let hint = match did_you_mean(&codes.text, self.tables.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write it into this file: [codes.{}]", codes.text),
            };
            self.say(codes.error(codes::BAD_TABLE, format!("there is no code table `{}`", codes.text), Some(hint)));
            return Convert::Value(Converter::of(scalar));
        };
        let Some(compiled) = self.table_list.get(usize::from(table)).cloned() else {
            return Convert::Value(Converter::of(scalar));
        };
        for word in compiled.words() {
            if literal(word, scalar, words).is_none() {
                let hint = words.map(|known| match did_you_mean(word, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("`{name}` is one of `{}`", known.join("`, `")),
                });
                let message = format!("the table `{}` gives `{word}`, and `{name}` cannot be that", codes.text);
                self.found.push(codes.error(codes::BAD_TABLE, message, hint));
                break;
            }
        }
        if rule.missing == Missing::Warn {
            let hint = Some("say `missing = \"pass\"`, which keeps the code as sent".to_owned());
            self.say(codes.error(codes::BAD_TABLE, "only cross-references (`lookup`) warn", hint));
        }
        if scalar != Scalar::Text && rule.missing == Missing::Pass {
            let hint = Some("say `missing = \"skip\"` or `missing = \"hold\"`".to_owned());
            let message = format!("`{name}` is {}: a code that the table does not have cannot pass", scalar.name());
            self.say(codes.error(codes::BAD_TABLE, message, hint));
        }
        Convert::Codes(table, rule.missing)
    }
}

/// A table of codes; of several codes for one word, one is to be the canonical one.
pub(crate) fn compile_table(table: &Codes, found: &mut Vec<Diagnostic>) -> Table {
    let mut words: BTreeMap<&str, Vec<(&Word, Option<bool>)>> = BTreeMap::new();
    let mut entries: Vec<(&str, &str, bool)> = Vec::new();
    for entry in &table.entries {
        if let Some(word) = &entry.word {
            words.entry(&word.text).or_default().push((&entry.code, entry.canonical));
            entries.push((&entry.code.text, &word.text, false));
        }
    }
    let mut canonical = HashSet::new();
    for (word, codes) in &words {
        let marked: Vec<_> = codes.iter().filter(|(_, mark)| *mark == Some(true)).collect();
        let open: Vec<_> = codes.iter().filter(|(_, mark)| *mark != Some(false)).collect();
        match (marked.as_slice(), open.as_slice()) {
            ([(code, _)], _) | ([], [(code, _)]) => drop(canonical.insert((code.text.as_str(), *word))),
            ([], []) => {}
            _ => {
                let all = codes.iter().map(|(code, _)| format!("\"{}\"", code.text)).collect::<Vec<_>>().join(", ");
                let hint = format!("mark the one that is to be written: {{ to = \"{word}\", canonical = true }}");
                let message = format!("{all} all mean `{word}`, and none of them alone is canonical");
                let at = codes.last().map_or(&table.name, |(code, _)| *code);
                found.push(at.error(codes::BAD_TABLE, message, Some(hint)));
            }
        }
    }
    for entry in &mut entries {
        entry.2 = canonical.contains(&(entry.0, entry.1));
    }
    Table::new(entries.into_iter())
}

/// A value that a file gives, as JSON; `None` if the field cannot be that.
fn literal(text: &str, scalar: Scalar, words: Option<&[String]>) -> Option<Box<[u8]>> {
    if words.is_some_and(|known| !known.iter().any(|word| word == text) && !crate::document::is_foreign_code(text)) {
        return None;
    }
    let mut json = Vec::new();
    match scalar {
        Scalar::Text => write_string(text.as_bytes(), Charset::Utf8, &mut json),
        Scalar::Bool => json.extend(matches!(text, "true" | "false").then_some(text.as_bytes())?),
        Scalar::Integer => Converter::Int.read(text.as_bytes(), Charset::Utf8, &mut json)?,
        Scalar::Decimal => {
            text.parse::<crate::document::Decimal>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
        Scalar::Date => {
            text.parse::<crate::document::Date>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
        Scalar::Time => {
            text.parse::<crate::document::Time>().ok()?;
            write_string(text.as_bytes(), Charset::Utf8, &mut json);
        }
    }
    Some(json.into())
}
