//! Names the program that makes the runs.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use seedloop::explore::Fnv;

/// Returns the hash of the bytes of the program that runs.
pub(super) fn of_this_program() -> io::Result<u64> {
    // The program may have been built anew since it was started: this is what runs.
    let running = match cfg!(target_os = "linux") {
        true => File::open("/proc/self/exe").ok(),
        false => None,
    };
    match running {
        Some(file) => hash_of(file),
        None => hash_of(File::open(std::env::current_exe()?)?),
    }
}

/// Returns the hash of the bytes of another program.
pub(super) fn of(program: &Path) -> io::Result<u64> {
    hash_of(File::open(program)?)
}

/// A program as it was: workers that are started later have to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, Option<SystemTime>)>);

impl Stamp {
    pub(super) fn of(program: &Path) -> Self {
        let data = program.metadata().ok();
        Stamp(data.map(|data| (data.len(), data.modified().ok())))
    }

    /// # Errors
    ///
    /// When it was built anew.
    pub(super) fn check(self, program: &Path) -> io::Result<()> {
        if Stamp::of(program) == self {
            return Ok(());
        }
        let program = program.display();
        Err(io::Error::other(format!("{program} is another one than when the campaign began")))
    }
}

fn hash_of(mut input: impl Read) -> io::Result<u64> {
    let mut hash = Fnv::default();
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = match input.read(&mut bytes) {
            Ok(0) => return Ok(hash.0),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash = hash.with(&bytes[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_built_anew_is_another_one() {
        let file = std::env::temp_dir().join(format!("seedloop-stamp-{}", std::process::id()));
        std::fs::write(&file, "one").expect("a file");
        let stamp = Stamp::of(&file);
        assert!(stamp.check(&file).is_ok());
        std::fs::write(&file, "another").expect("a file");
        let wrong = stamp.check(&file).expect_err("it is another").to_string();
        assert_eq!(
            wrong,
            format!("{} is another one than when the campaign began", file.display())
        );
        std::fs::remove_file(&file).expect("a file");
        assert!(stamp.check(&file).is_err());
    }

    /// The values that the draft gives.
    #[test]
    fn hashes_are_those_of_the_draft() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(hash_of(text.as_bytes()).expect("a hash"), hash, "{text}");
        }
    }
}
