//! XML, as partners send it.

use gangway::xml::{Limits, Source, Tree};

/// A document is read within its limits or refused, and its nodes hang together.
pub fn tree(bytes: &[u8]) {
    let Ok(source) = Source::read(bytes) else { return };
    let text = source.text();
    for at in [0, text.len() / 2, text.len()] {
        assert!(source.offset(at) <= bytes.len() as u64);
        let _ = source.line_column(at);
    }
    let limits = Limits { depth: 20, elements: 500, attributes: 20, bytes: 1 << 20 };
    let Ok(tree) = Tree::read(text, limits) else { return };
    let mut count = 0;
    for node in tree.nodes() {
        count += 1;
        assert!(node.range().end <= text.len() && node.within().end <= node.range().end, "{}", node.path());
        for child in node.children() {
            assert_eq!(child.parent().map(|parent| parent.number()), Some(node.number()));
        }
        let _ = (node.text(), node.local(), node.namespace(), node.attributes().count());
    }
    assert!(count <= limits.elements);
}
