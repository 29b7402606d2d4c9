//! Campaigns over runs that are made up.

mod commands;
mod damage;
mod fake;
mod joining;
mod killed;
mod merging;

pub(super) use fake::{Folder, header};
