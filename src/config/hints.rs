//! What a person most likely meant: the nearest name, and what EDI people trip over in TOML.

/// The candidate that `wrong` is probably a slip of, if any is near.
pub fn did_you_mean<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wrong = wrong.to_lowercase();
    let candidates: Vec<_> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .copied()
        .map(|candidate| (strsim::damerau_levenshtein(&wrong, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.chars().count().min(wrong.chars().count());
            *distance < length && *distance <= 1 + length / 4
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate);
    // Half of a long name is a slip too, if only one begins like it.
    let beginning = wrong.get(..4).unwrap_or("\n");
    let mut alike = candidates.into_iter().filter(|candidate| candidate.to_lowercase().starts_with(beginning));
    near.or_else(|| alike.next().filter(|_| alike.next().is_none()))
}

/// Quotes that word processors and mail programs put in the place of " and '.
const CURLY: [char; 10] = ['“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»'];

/// `"a", "b" or "c"`.
pub(super) fn choices<'c>(all: impl IntoIterator<Item = &'c str>) -> String {
    let all: Vec<_> = all.into_iter().map(|one| format!("\"{one}\"")).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// What to do about a line that is not TOML.
pub(super) fn syntax(line: &str, message: &str) -> Option<String> {
    if message.contains("duplicate key") && line.trim_start().starts_with('[') {
        return Some("this table stands twice in the file: move its lines to where it stood first".to_owned());
    }
    if message.contains("duplicate key") {
        return Some("the name is used twice in this table: keep one of the two lines".to_owned());
    }
    let line = line.split(" #").next().unwrap_or_default().trim();
    if let Some((key, value)) = line.split_once('=') {
        let (key, value) = (key.trim(), value.trim());
        if value.trim_start_matches(['[', ' ']).starts_with(CURLY) {
            return Some(format!("these quotes are typographic: write {key} = {}", value.replace(CURLY, "\"")));
        }
        if message.contains("escape") && value.contains('\\') {
            let slashes = value.replace("\\\\", "\\").replace('\\', "/");
            return Some(format!("a backslash begins a special character: write / in paths, {key} = {slashes}"));
        }
        let items = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let items = || items.into_iter().flat_map(|items| items.split(',')).map(str::trim);
        let is_code = |item: &str| item.len() > 1 && item.starts_with('0') && item.bytes().all(|b| b.is_ascii_digit());
        if items().any(is_code) && !value.contains(['"', '\'']) {
            let quoted: Vec<_> = items().map(|item| format!("\"{item}\"")).collect();
            return Some(format!("codes are text, and 01 is not 1: write {key} = [{}]", quoted.join(", ")));
        }
        if is_code(value) {
            return Some(format!("codes are text, and 01 is not 1: write {key} = \"{value}\""));
        }
        let plain = value.parse::<f64>().is_ok() || value == "true" || value == "false";
        let bare = !value.is_empty() && !plain && !value.starts_with(['[', '{']);
        if bare && !value.contains(['"', '\'']) {
            return Some(format!("texts stand in quotes: write {key} = \"{value}\""));
        }
        let bare_item = value.starts_with('[') && value.ends_with(']') && !value.contains(['"', '\'', '{']);
        if bare_item && message.contains("must be quoted") {
            let items = value.trim_matches(['[', ']']).split(',').map(|item| format!("\"{}\"", item.trim()));
            return Some(format!("texts stand in quotes: write {key} = [{}]", items.collect::<Vec<_>>().join(", ")));
        }
        if value.matches('"').count() % 2 == 1 && !value.contains("\"\"\"") {
            return Some("a quote is open: a text begins and ends with \" on its line".to_owned());
        }
    } else if let Some((key, value)) = line.split_once(':') {
        let key = key.trim_matches(['"', ' ']);
        if !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Some(format!("TOML uses \"=\": write {key} = {}", value.trim()));
        }
    } else if message.contains("must be quoted") && line.starts_with(CURLY) {
        return Some(format!("these quotes are typographic: write {}", line.replace(CURLY, "\"")));
    } else if message.contains("must be quoted") && !line.contains(['"', '\'', '[', ']', '{', '}']) {
        // One of a list over several lines.
        let (item, comma) = line.strip_suffix(',').map_or((line, ""), |item| (item.trim(), ","));
        return Some(format!("texts stand in quotes: write \"{item}\"{comma}"));
    } else if line.starts_with('[') && !line.ends_with(']') {
        return Some("a section's header ends with \"]\" on its line".to_owned());
    }
    None
}

/// The part of a line that may be a secret, by the name before it.
pub(super) fn secret_part(line: &str) -> Option<std::ops::Range<usize>> {
    let at = line.find(['=', ':'])?;
    let name = line.get(..at)?.to_lowercase();
    let known = ["token", "secret", "password", "passphrase", "private", "api_key"];
    (!line.trim_start().starts_with('#') && known.iter().any(|word| name.contains(word))).then(|| at + 1..line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_and_another_word_is_not() {
        let keys = ["requests", "documents", "message_size"];
        assert_eq!(did_you_mean("reqests", keys), Some("requests"));
        assert_eq!(did_you_mean("Message_Size", keys), Some("message_size"));
        assert_eq!(did_you_mean("messagesize", keys), Some("message_size"));
        assert_eq!(did_you_mean("mess", keys), Some("message_size"));
        assert_eq!(did_you_mean("colour", keys), None);
        assert_eq!(choices(["a"]), "\"a\"");
        assert_eq!(choices(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }

    #[test]
    fn lines_that_edi_people_write() {
        let hint = |line| syntax(line, "").unwrap_or_default();
        assert_eq!(hint("purpose = 00 # original"), "codes are text, and 01 is not 1: write purpose = \"00\"");
        assert_eq!(hint("usage = P"), "texts stand in quotes: write usage = \"P\"");
        assert_eq!(hint("name: Acme"), "TOML uses \"=\": write name = Acme");
        assert_eq!(
            syntax("ids = [01/123]", "string values must be quoted").unwrap(),
            "texts stand in quotes: write ids = [\"01/123\"]"
        );
        assert_eq!(hint("id = AS2CO"), "texts stand in quotes: write id = \"AS2CO\"");
        assert_eq!(hint("name = “Acme”"), "these quotes are typographic: write name = \"Acme\"");
        assert_eq!(hint("ids = [‘01/1’, „ZZ/A“]"), "these quotes are typographic: write ids = [\"01/1\", \"ZZ/A\"]");
        assert_eq!(hint("ids = [0123, 45]"), "codes are text, and 01 is not 1: write ids = [\"0123\", \"45\"]");
        let escape = |line| syntax(line, "missing escaped value").unwrap_or_default();
        assert!(escape(r#"key = "certs\acme.pem""#).ends_with("key = \"certs/acme.pem\""));
        let item = |line| syntax(line, "string values must be quoted").unwrap_or_default();
        assert_eq!(item("    01/123456789,"), "texts stand in quotes: write \"01/123456789\",");
        assert_eq!(item("    “ZZ/A”,"), "these quotes are typographic: write \"ZZ/A\",");
        assert!(syntax("[x12]", "duplicate key").unwrap().contains("stands twice"));
        assert!(hint("name = \"Acme").contains("quote is open"));
        assert_eq!(syntax("x = 5", "something else"), None);
    }
}
