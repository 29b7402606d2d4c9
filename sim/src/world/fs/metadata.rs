//! What is known of a file beside its contents.

use super::node::Node;
use crate::base::Instant;

/// What [`metadata`](super::metadata()) tells of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    is_directory: bool,
    length: u64,
    is_readonly: bool,
    modified: Instant,
    created: Instant,
}

impl Metadata {
    pub(super) fn of(node: &Node) -> Self {
        Metadata {
            is_directory: node.is_directory(),
            length: node.length(),
            is_readonly: node.is_readonly,
            modified: node.modified,
            created: node.created,
        }
    }

    /// Tells whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.is_directory
    }

    /// Tells whether this is a file.
    pub fn is_file(&self) -> bool {
        !self.is_directory
    }

    /// Returns how many bytes it has; 0 for a directory.
    #[expect(clippy::len_without_is_empty, reason = "the standard library's name")]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Tells whether it may not be written.
    pub fn is_readonly(&self) -> bool {
        self.is_readonly
    }

    /// Returns when it was last changed, in virtual time.
    pub fn modified(&self) -> Instant {
        self.modified
    }

    /// Returns when it was made, in virtual time.
    pub fn created(&self) -> Instant {
        self.created
    }
}
