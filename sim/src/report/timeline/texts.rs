//! Texts that are said again and again, each kept once.

use std::collections::BTreeMap;

/// Names a text; 0 is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) struct TextId(pub(in crate::report) u32);

/// The texts of a timeline.
#[derive(Debug)]
pub(in crate::report) struct Texts {
    ids: BTreeMap<String, TextId>,
    texts: Vec<String>,
}

impl Texts {
    pub(super) fn new() -> Self {
        let ids = BTreeMap::from([(String::new(), TextId(0))]);
        Texts { ids, texts: vec![String::new()] }
    }

    /// The name of a text, the same for the same text.
    pub(super) fn id(&mut self, text: &str) -> TextId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = TextId(self.texts.len() as u32);
        self.ids.insert(text.to_owned(), id);
        self.texts.push(text.to_owned());
        id
    }

    /// How many there are, with the empty one.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(in crate::report) fn get(&self, id: TextId) -> &str {
        self.texts.get(id.0 as usize).map_or("", String::as_str)
    }
}
