//! The description as a page: everything on it, nothing from elsewhere, and each call as a line to be tried in a shell.

use std::fmt::Write;

use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.6rem}h2{font-size:1.1rem;margin:2.5rem 0 .3rem;font-family:ui-monospace,monospace}\
pre{background:#f4f4f2;padding:.8rem;overflow-x:auto;font-size:.85rem}code{font-family:ui-monospace,monospace;font-size:.9em}\
table{border-collapse:collapse;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.15rem 1rem .15rem 0}\
nav a{display:inline-block;margin-right:1rem}a{color:#0b5394}b.post{color:#8a4b00}b.get{color:#0b5a2b}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}a{color:#8ab4f8}\
b.post{color:#f0b46a}b.get{color:#7fce9b}}";

/// Writes the page. Writing to a text cannot fail, so that nothing is made of its results.
pub(super) fn of(document: &Value) -> String {
    let mut out = String::with_capacity(32 << 10);
    let text = |pointer: &str| escaped(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    let title = text("/info/title");
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title} {}</h1><p>{}</p>\
         <p>The same for programs: <a href=\"/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p><nav>",
        text("/info/version"),
        marked(&text("/info/description")),
    );
    let operations: Vec<_> = operations(document).collect();
    for (_, _, operation) in &operations {
        let (id, summary) = (word(operation, "operationId"), word(operation, "summary"));
        let _ = write!(out, "<a href=\"#{id}\">{summary}</a> ");
    }
    out.push_str("</nav>");
    for (path, method, operation) in operations {
        let _ = write!(
            out,
            "<h2 id=\"{}\"><b class=\"{method}\">{}</b> {}</h2><p><strong>{}.</strong> {}</p>",
            word(operation, "operationId"),
            method.to_uppercase(),
            escaped(path),
            word(operation, "summary"),
            marked(&word(operation, "description")),
        );
        parameters(&mut out, operation);
        let _ = write!(out, "<pre>{}</pre>", escaped(&call(path, method, operation)));
        answers(&mut out, operation);
    }
    out.push_str("</html>\n");
    out
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn parameters(out: &mut String, operation: &Value) {
    let all = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let mut all = all.peekable();
    if all.peek().is_none() {
        return;
    }
    out.push_str("<table>");
    for one in all {
        let (name, place) = (word(one, "name"), word(one, "in"));
        let _ = write!(out, "<tr><td><code>{name}</code><td>{place}<td>{}</tr>", marked(&word(one, "description")));
    }
    out.push_str("</table>");
}

fn answers(out: &mut String, operation: &Value) {
    out.push_str("<table>");
    for (status, answer) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let content = answer.get("content").and_then(Value::as_object).into_iter().flatten().next();
        let schema = content.and_then(|(_, content)| content.pointer("/schema/$ref")?.as_str()?.rsplit('/').next());
        let _ = write!(
            out,
            "<tr><td>{status}<td><code>{}</code><td>{}</tr>",
            schema.unwrap_or_default(),
            marked(&word(answer, "description"))
        );
    }
    out.push_str("</table>");
}

/// The call as a line for a shell.
fn call(path: &str, method: &str, operation: &Value) -> String {
    let mut path = path.to_owned();
    for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(name), Some(example)) = (parameter["name"].as_str(), parameter["example"].as_str()) {
            path = path.replace(&format!("{{{name}}}"), example);
        }
    }
    let mut line = format!("curl -H \"Authorization: Bearer $KEY\" \"$GANGWAY{path}\"");
    if method == "post" {
        let keyed = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        if keyed.into_iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
            line.push_str(" \\\n  -H \"Idempotency-Key: $(uuidgen)\"");
        }
        match operation.pointer("/requestBody/content/application~1json/example") {
            Some(example) => {
                let example = serde_json::to_string_pretty(example).unwrap_or_default();
                let _ = write!(line, " \\\n  -H 'Content-Type: application/json' -d '{example}'");
            }
            None => line.push_str(" \\\n  -H 'Content-Type: application/edi-x12' --data-binary @message.x12"),
        }
    }
    line
}

fn word(value: &Value, name: &str) -> String {
    escaped(value.get(name).and_then(Value::as_str).unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Words between backticks as code.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_has_every_operation_and_asks_nobody_for_anything() {
        let page = super::of(&super::super::document());
        for operation in super::super::OPERATIONS {
            assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        }
        for elsewhere in ["href=\"http", "<link", "<script", "src=", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
        assert!(
            page.contains("curl -H &quot;Authorization: Bearer $KEY&quot; &quot;$GANGWAY/v1/orders/4500012345&quot;")
        );
    }
}
