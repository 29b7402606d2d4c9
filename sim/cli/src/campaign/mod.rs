//! Campaigns: a scenario is run for a range of seeds that is too large to hold in memory, on many
//! machines if need be, and what came of it is kept in files that can be merged.

mod cargo;
mod code;
mod command;
mod durable;
mod engine;
mod folder;
mod limits;
mod lines;
mod merge;
mod meter;
mod pace;
mod package;
mod pieces;
mod plan;
mod reader;
mod record;
mod replay;
mod rounds;
mod sample;
mod seeds;
mod shard;
mod shards;
mod source;
mod sum;
mod summary;
mod tested;
#[cfg(test)]
mod tests;
mod ways;
mod wrong;

pub(crate) use cargo::cargo;
pub(crate) use command::{CampaignArguments, campaign};
pub(crate) use limits::PATIENCE_S;
pub(crate) use merge::{MergeArguments, merge};
