//! The command `merge`.

use std::io;
use std::path::PathBuf;

use super::durable::{sync_names, write_whole};
use super::folder::{read_shard, shard_files};
use super::pieces::Pieces;
use super::reader::read_file;
use super::summary::Summary;
use super::wrong::Wrong;
use crate::output::Output;
use crate::status::Status;

/// What to merge.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MergeArguments {
    /// Folders of campaigns, files of shards, or files that '--out' has written
    #[arg(value_name = "DIR", required = true)]
    from: Vec<PathBuf>,
    /// Write all that is known into one file, which can be merged again
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Tells what the files of a campaign know together.
pub(crate) fn merge(arguments: &MergeArguments, output: &mut Output<'_>) -> io::Result<Status> {
    let pieces = match pieces_of(&arguments.from) {
        Ok(pieces) => pieces,
        Err(wrong) => return wrong.tell(output),
    };
    let Some(summary) = Summary::new(&pieces) else {
        let wrong = Wrong::usage("there is nothing to merge: no shard has been begun");
        return wrong.tip("name the folder that 'campaign' was given with '--out'").tell(output);
    };
    if let Some(file) = &arguments.out
        && let Err(error) = write_whole(file, &pieces.to_bytes(), &sync_names)
    {
        return Wrong::unwritable(file, &error).tell(output);
    }
    write!(output, "{summary}")?;
    Ok(summary.status())
}

/// Reads folders and files.
pub(super) fn pieces_of(paths: &[PathBuf]) -> Result<Pieces, Wrong> {
    let mut pieces = Pieces::default();
    for path in paths {
        if !path.is_dir() {
            pieces.add_file(&path.display().to_string(), read_file(path)?)?;
            continue;
        }
        let files = shard_files(path)?;
        if files.is_empty() {
            let wrong = Wrong::usage(format!("{} holds no shards of a campaign", path.display()));
            return Err(wrong.tip("name the folder that 'campaign' was given with '--out'"));
        }
        for (index, count, file) in files {
            if let Some((record, _)) = read_shard(&file, index, count)? {
                pieces.add(record, file.display().to_string())?;
            }
        }
    }
    Ok(pieces)
}
