//! A trace as one page without outside parts: the file, what it is made of, and our document, side by side. Pointing at a
//! value anywhere lights it up everywhere, and names the line of the mapping that bound it.

use std::{collections::HashMap, fmt::Write};

use serde_json::Value;

use crate::{
    exchange::{Trace, TracedDocument},
    mapping::Provenance,
    xml::cxml,
};

/// More of a file than this is not for the eye.
const SHOWN: usize = 2 << 20;

const STYLE: &str = "
:root { color-scheme: light dark; --edge: #8884; --on: #ffd54a; }
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 0; }
header { position: sticky; top: 0; padding: .6rem 1rem; border-bottom: 1px solid var(--edge); background: Canvas; z-index: 1; }
header h1 { font-size: 1rem; margin: 0; }
header p { margin: .2rem 0 0; min-height: 1.5em; font-family: ui-monospace, monospace; font-size: 12px; }
main { display: grid; grid-template-columns: 1fr 1fr 1fr; }
section { border-right: 1px solid var(--edge); padding: .6rem 1rem; overflow: auto; height: calc(100vh - 5.6rem); }
h2 { font-size: .85rem; margin: .8rem 0 .4rem; }
pre { font: 12px/1.55 ui-monospace, monospace; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; font: 12px/1.5 ui-monospace, monospace; width: 100%; }
td { padding: 0 .6rem 0 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { opacity: .75; }
[data-v] { cursor: pointer; border-radius: 2px; }
[data-m] { text-decoration: underline dotted; text-underline-offset: 3px; }
.on { background: var(--on); color: #000; }
.wrong { color: #c62828; }
@media (max-width: 60rem) { main { grid-template-columns: 1fr; } section { height: auto; } }
";

const SCRIPT: &str = "
const line = document.querySelector('header p');
let pinned = null;
const light = (v, from) => {
  for (const old of document.querySelectorAll('.on')) old.classList.remove('on');
  if (v === null) { line.textContent = line.dataset.hint; return; }
  const all = document.querySelectorAll('[data-v=\"' + v + '\"]');
  const says = new Set();
  for (const one of all) {
    one.classList.add('on');
    if (one.dataset.p) says.add(one.dataset.p + '  \\u2190  ' + one.dataset.m);
    if (from && !from.closest('section').contains(one)) one.scrollIntoView({ block: 'nearest' });
  }
  line.textContent = [...says].join('   ') || 'No rule took this: it is kept with the extras.';
};
const value = event => event.target.closest && event.target.closest('[data-v]');
document.addEventListener('mouseover', event => { const at = value(event); if (at && pinned === null) light(at.dataset.v, null); });
document.addEventListener('click', event => {
  const at = value(event);
  pinned = at && pinned !== at.dataset.v ? at.dataset.v : null;
  light(pinned, at);
});
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') { pinned = null; light(null, null); }
  if (event.key === 'Enter' && document.activeElement.dataset.v) { pinned = document.activeElement.dataset.v; light(pinned, document.activeElement); }
});
";

/// The page of a trace.
pub(super) fn page(name: &str, bytes: &[u8], trace: &Trace) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Trace of {0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{0}: {1}</h1>\
         <p data-hint=\"Point at a value; click to keep it lit.\">Point at a value; click to keep it lit.</p></header>\n<main>\n",
        escape(name),
        if trace.accepted { "accepted" } else { "not accepted as it stands" },
    );
    let mut numbered = 0;
    let documents: Vec<Numbered<'_>> = trace.origins.iter().map(|one| Numbered::new(one, &mut numbered)).collect();
    page.push_str("<section><h2>The file</h2>\n<pre>");
    raw(bytes, &documents, &mut page);
    page.push_str("</pre></section>\n<section>\n");
    for error in &trace.errors {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(page, "<p class=\"wrong\">{} {}</p>", escape(text("code")), escape(text("text")));
    }
    for one in &documents {
        let _ = write!(page, "<h2>{}, by {}</h2>\n<table>\n", escape(&one.document.set), escape(one.mapping()));
        for (piece, number) in one.document.pieces.iter().zip(one.first..) {
            let _ = writeln!(
                page,
                "<tr{}><td>{}</td><td>{}</td></tr>",
                one.attributes(number),
                escape(&piece.name),
                escape(&piece.value)
            );
        }
        page.push_str("</table>\n");
    }
    page.push_str("</section>\n<section>\n");
    for one in &documents {
        let _ = write!(page, "<h2>{}</h2>\n<pre>", escape(&one.document.subject));
        let value: Value = serde_json::from_slice(&one.document.json).unwrap_or_default();
        one.json(&value, &mut String::new(), 0, &mut page);
        page.push_str("</pre>\n");
    }
    if documents.is_empty() {
        page.push_str("<p>Nothing in it became a document.</p>\n");
    }
    for acknowledgement in &trace.acknowledgements {
        let _ = write!(page, "<h2>The acknowledgement</h2>\n<pre>{}</pre>\n", escape(acknowledgement.trim_end()));
    }
    let _ = write!(page, "</section>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

/// A document whose pieces have numbers that no other has.
struct Numbered<'a> {
    document: &'a TracedDocument,
    first: usize,
    /// For each piece, the value that a rule made of it.
    taken: Vec<Option<&'a Provenance>>,
    /// For each value, by its pointer, the number of its piece.
    values: HashMap<&'a str, (usize, &'a Provenance)>,
}

impl<'a> Numbered<'a> {
    fn new(document: &'a TracedDocument, numbered: &mut usize) -> Self {
        let first = *numbered;
        *numbered += document.pieces.len();
        let mut order: Vec<usize> = (0..document.pieces.len()).collect();
        order.sort_unstable_by_key(|at| document.pieces.get(*at).map(|piece| piece.bytes.0));
        let start = |at: &usize| document.pieces.get(*at).map_or(u64::MAX, |piece| piece.bytes.0);
        let (mut taken, mut values) = (vec![None; document.pieces.len()], HashMap::new());
        for one in &document.provenance {
            // The last piece that begins at or before the value holds it: a component is in its element.
            let after = order.partition_point(|at| start(at) <= one.bytes.0);
            let Some(at) = after.checked_sub(1).and_then(|before| order.get(before)) else { continue };
            if let Some(slot) = taken.get_mut(*at) {
                slot.get_or_insert(one);
            }
            values.insert(one.pointer.as_str(), (first + at, one));
        }
        Self { document, first, taken, values }
    }

    fn mapping(&self) -> &str {
        self.document.mapping.split('@').next().unwrap_or_default()
    }

    /// The number of a piece, and which line took it.
    fn attributes(&self, number: usize) -> String {
        match self.taken.get(number - self.first).copied().flatten() {
            Some(one) => format!(" data-v=\"{number}\" data-m=\"{}:{}\"", escape(&one.mapping), one.line),
            None => format!(" data-v=\"{number}\""),
        }
    }

    fn json(&self, value: &Value, pointer: &mut String, depth: usize, out: &mut String) {
        let indent = |depth: usize| "  ".repeat(depth);
        let mut items: Vec<(String, Option<&str>, &Value)> = Vec::new();
        let (open, close) = match value {
            Value::Object(object) => {
                let name = |name: &String| name.replace('~', "~0").replace('/', "~1");
                items.extend(object.iter().map(|(key, value)| (name(key), Some(key.as_str()), value)));
                ('{', '}')
            }
            Value::Array(list) => {
                items.extend(list.iter().enumerate().map(|(number, value)| (number.to_string(), None, value)));
                ('[', ']')
            }
            plain => {
                let text = escape(&plain.to_string());
                match self.values.get(pointer.as_str()) {
                    Some((number, one)) => {
                        let _ = write!(
                            out,
                            "<span tabindex=\"0\" data-v=\"{number}\" data-p=\"{}\" data-m=\"{}:{}\">{text}</span>",
                            escape(pointer),
                            escape(&one.mapping),
                            one.line
                        );
                    }
                    None => out.push_str(&text),
                }
                return;
            }
        };
        let _ = writeln!(out, "{open}");
        let last = items.len().saturating_sub(1);
        for (number, (step, key, value)) in items.into_iter().enumerate() {
            out.push_str(&indent(depth + 1));
            if let Some(key) = key {
                let _ = write!(out, "{}: ", escape(&Value::from(key).to_string()));
            }
            let length = pointer.len();
            let _ = write!(pointer, "/{step}");
            self.json(value, pointer, depth + 1, out);
            pointer.truncate(length);
            let _ = writeln!(out, "{}", if number == last { "" } else { "," });
        }
        let _ = write!(out, "{}{close}", indent(depth));
    }
}

/// The file, each piece of a document being a value to point at.
fn raw(bytes: &[u8], documents: &[Numbered<'_>], out: &mut String) {
    let mut pieces: Vec<(u64, u64, String)> = documents
        .iter()
        .flat_map(|one| {
            let numbered = one.document.pieces.iter().zip(one.first..);
            numbered.map(|(piece, number)| (piece.bytes.0, piece.bytes.1, one.attributes(number)))
        })
        .collect();
    pieces.sort_unstable_by_key(|(start, ..)| *start);
    let shown = bytes.len().min(SHOWN);
    let secrets = cxml::secrets(bytes);
    let text = |from: u64, to: u64| {
        let (mut from, to) = (from as usize, (to as usize).min(shown));
        let mut text = String::new();
        let behind = secrets.partition_point(|secret| secret.end <= from);
        for secret in secrets.iter().skip(behind).take_while(|secret| secret.start < to) {
            text += &String::from_utf8_lossy(bytes.get(from..secret.start).unwrap_or_default());
            text += cxml::MASK;
            from = secret.end;
        }
        text += &String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
        escape(&text).replace('~', "~<wbr>")
    };
    let mut at = 0;
    for (start, end, attributes) in pieces {
        // Mixed content may have a piece in another.
        if start < at || end > shown as u64 {
            continue;
        }
        let _ = write!(out, "{}<span{attributes}>{}</span>", text(at, start), text(start, end));
        at = end;
    }
    out.push_str(&text(at, shown as u64));
    if bytes.len() > shown {
        let _ = write!(out, "\n… and {} bytes more", bytes.len() - shown);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Format, Piece};

    fn document() -> TracedDocument {
        let mapped = |pointer: &str, bytes, line| Provenance {
            pointer: pointer.to_owned(),
            bytes,
            mapping: "mappings/x.toml".to_owned(),
            line,
        };
        let piece = |name: &str, value: &str, bytes| Piece { name: name.to_owned(), value: value.to_owned(), bytes };
        TracedDocument {
            set: "850".to_owned(),
            subject: "purchase_order/<1>".to_owned(),
            mapping: "x12-850@abc".to_owned(),
            pieces: vec![piece("BEG01", "00", (4, 6)), piece("BEG03", "<1>", (7, 10))],
            json: br#"{"number":"<1>","lines":[{"n":1}]}"#.to_vec(),
            provenance: vec![mapped("/number", (7, 10), 12)],
        }
    }

    #[test]
    fn a_value_has_one_number_in_all_three_columns_and_names_its_line() {
        let trace = Trace {
            format: Format::X12,
            interchanges: Vec::new(),
            events: Vec::new(),
            acknowledgements: Vec::new(),
            errors: Vec::new(),
            accepted: true,
            origins: vec![document()],
        };
        let page = page("a&b.edi", b"BEG*00*<1>~", &trace);
        let lit = "data-v=\"1\"";
        assert_eq!(page.matches(lit).count(), 3, "{page}");
        assert!(page.contains(
            "BEG*<span data-v=\"0\">00</span>*<span data-v=\"1\" data-m=\"mappings/x.toml:12\">&lt;1&gt;</span>"
        ));
        assert!(page.contains("data-p=\"/number\" data-m=\"mappings/x.toml:12\">&quot;&lt;1&gt;&quot;</span>"));
        assert!(page.contains("<title>Trace of a&amp;b.edi</title>") && !page.contains("<1>"));
        // Nothing is fetched from anywhere.
        assert!(!page.contains("http") && !page.contains(" src=") && !page.contains("<link"));
    }

    #[test]
    fn a_shared_secret_is_not_in_what_is_shown_of_the_file() {
        let file = b"<a><b>1</b><SharedSecret>geheim</SharedSecret><c>2</c></a>";
        let piece = |from: u64, to: u64| Piece { name: "x".into(), value: "y".into(), bytes: (from, to) };
        for pieces in [vec![], vec![piece(6, 7), piece(25, 31), piece(49, 50)], vec![piece(6, 28)], vec![piece(28, 40)]]
        {
            let document = TracedDocument { pieces, ..document() };
            let mut page = String::new();
            raw(file, &[Numbered::new(&document, &mut 0)], &mut page);
            assert!(
                page.contains("****") && page.contains("2") && !page.contains("ge") && !page.contains("im"),
                "{page}"
            );
        }
    }
}
