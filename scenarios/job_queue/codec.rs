//! How numbers and texts become bytes, on the wire and in the log alike.

/// The longest text that is taken from bytes: what is longer is no text of ours.
const TEXT_MAX: usize = 1 << 16;

/// Puts bytes together.
#[derive(Debug, Default)]
pub(super) struct Encoder(pub(super) Vec<u8>);

impl Encoder {
    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// A text behind its length.
    pub(super) fn text(mut self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(text.as_bytes());
        self
    }
}

/// Takes bytes apart; each method returns nothing where they end too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn word(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.word()? as usize;
        let bytes = self.bytes(length).filter(|_| length <= TEXT_MAX)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// The checksum of IEEE 802.3, CRC-32.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        let bytes = Encoder::default().byte(7).number(1 << 40).text("お湯").0;
        let mut decoder = Decoder(&bytes);
        assert_eq!(decoder.byte(), Some(7));
        assert_eq!(decoder.number(), Some(1 << 40));
        assert_eq!(decoder.text().as_deref(), Some("お湯"));
        assert!(decoder.is_at_end());
        assert_eq!(decoder.byte(), None);
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let bytes = Encoder::default().text("words").0;
        for length in 0..bytes.len() {
            assert_eq!(Decoder(&bytes[..length]).text(), None, "{length}");
        }
    }

    /// Source: the check value of CRC-32 in Ross Williams' catalogue of parameters.
    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
    }
}
