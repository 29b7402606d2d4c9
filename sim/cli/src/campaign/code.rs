//! Names the program that runs.

use std::fs::File;
use std::io::{self, Read};

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

/// FNV-1a of 64 bits. Source: draft-eastlake-fnv.
fn hash_of(mut input: impl Read) -> io::Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = match input.read(&mut bytes) {
            Ok(0) => return Ok(hash),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for byte in &bytes[..count] {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
