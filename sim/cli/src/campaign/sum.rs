//! The checksum at the end of each line: what has happened to a file on a disk or on the way is
//! told, in place of merged.

/// What stands before the checksum, and behind it.
const BEFORE: &[u8] = b",\"crc\":\"";
const BEHIND: &[u8] = b"\"}";
/// How long the end of a line is: the checksum with what is around it.
const END: usize = BEFORE.len() + 8 + BEHIND.len();

/// The CRC-32 of ISO 3309, as of gzip and PNG: the remainder of the bits, the lowest of each byte
/// first.
pub(super) fn crc_32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0, |rest, byte| TABLE[usize::from(rest.to_le_bytes()[0] ^ byte)] ^ (rest >> 8))
}

/// What becomes of each byte, by the polynomial 0x04C11DB7 with its bits reversed.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ 0xedb8_8320 } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
};

/// Puts the checksum into an object of JSON that ends the bytes and begins at `from`, as its last
/// member.
pub(super) fn seal(bytes: &mut Vec<u8>, from: usize) {
    // The brace, in whose place more members come.
    bytes.pop();
    let end = end_of(crc_32(&bytes[from..]));
    bytes.extend(end.into_bytes());
}

fn end_of(crc: u32) -> String {
    format!(",\"crc\":\"{crc:08x}\"}}")
}

/// Sees that a line ends with the checksum of what stands before it.
///
/// # Errors
///
/// What it ends with.
pub(super) fn check(line: &[u8]) -> Result<(), String> {
    let Some((text, end)) = line.len().checked_sub(END).map(|at| line.split_at(at)) else {
        return Err(NONE.to_owned());
    };
    if !end.starts_with(BEFORE) || !end.ends_with(BEHIND) {
        return Err(NONE.to_owned());
    }
    let crc = end_of(crc_32(text));
    match crc.as_bytes() == end {
        true => Ok(()),
        false => {
            let there = String::from_utf8_lossy(&end[BEFORE.len()..BEFORE.len() + 8]).into_owned();
            let here = &crc[BEFORE.len()..BEFORE.len() + 8];
            Err(format!("damaged: its checksum is '{there}', and not {here}"))
        }
    }
}

/// Whether the bytes begin with a line that is whole, and go on: where it ends is lost.
pub(super) fn goes_on(bytes: &[u8]) -> bool {
    // Quotes within texts are escaped, so the first one of these is the checksum.
    let at = bytes.windows(BEFORE.len()).position(|window| window == BEFORE);
    let line = at.and_then(|at| bytes.get(..at + END));
    line.is_some_and(|line| line.len() < bytes.len() && check(line).is_ok())
}

const NONE: &str = "it ends with no checksum, so it is damaged, or no file of a campaign";

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: `zlib.crc32(b'{"type":"done"')` of CPython.
    const DONE: u32 = 0x9820_ada1;

    /// The check value that all catalogues of checksums give, and what zlib gives.
    #[test]
    fn checksums_are_those_of_others() {
        assert_eq!(crc_32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc_32(b""), 0);
        assert_eq!(crc_32(b"{\"type\":\"done\""), DONE);
        let mut line = b"ab{\"type\":\"done\"}".to_vec();
        seal(&mut line, 2);
        assert_eq!(line, format!("ab{{\"type\":\"done\",\"crc\":\"{DONE:08x}\"}}").into_bytes());
        assert_eq!(check(&line[2..]), Ok(()));
        assert!(!goes_on(&line[2..]) && goes_on(&[&line[2..], b"x"].concat()));
    }

    #[test]
    fn a_line_is_told_that_does_not_end_with_its_checksum() {
        let good = format!("{{\"type\":\"done\",\"crc\":\"{DONE:08x}\"}}");
        for bad in ["", "{}", &good[1..], &good[..good.len() - 1], &format!("{good} ")] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        let wrong = |line: &str| check(line.as_bytes()).expect_err("it is damaged");
        assert_eq!(wrong("{\"type\":\"done\"}"), NONE);
        let upper = format!("{DONE:08X}");
        let said = format!("damaged: its checksum is '{upper}', and not {DONE:08x}");
        assert_eq!(wrong(&good.replace(&upper.to_lowercase(), &upper)), said);
    }
}
