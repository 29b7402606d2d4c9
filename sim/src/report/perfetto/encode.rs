//! Messages of protobuf, which are only written.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// How a value is written, in the last bits of its tag.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

/// A message, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new() -> Self {
        Message::default()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn tag(&mut self, field: u32, wire: u64) {
        self.varint(u64::from(field) << 3 | wire);
    }

    /// A number of seven bits a byte, the lowest first.
    pub(super) fn number(mut self, field: u32, value: u64) -> Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// A number of eight bytes.
    pub(super) fn fixed(mut self, field: u32, value: u64) -> Self {
        self.tag(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn text(self, field: u32, text: &str) -> Self {
        self.sized(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u32, message: &Message) -> Self {
        self.sized(field, &message.bytes)
    }

    fn sized(mut self, field: u32, bytes: &[u8]) -> Self {
        self.tag(field, BYTES);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's own description, and what lies around the borders.
    #[test]
    fn values_are_written_as_the_description_says() {
        let check = |message: Message, bytes: &[u8]| assert_eq!(message.into_bytes(), bytes);
        check(Message::new().number(1, 150), &[0x08, 0x96, 0x01]);
        check(Message::new().text(2, "testing"), b"\x12\x07testing");
        let inner = Message::new().number(1, 150);
        check(Message::new().message(3, &inner), &[0x1a, 0x03, 0x08, 0x96, 0x01]);
        check(Message::new().number(1, 127).number(1, 128), &[0x08, 0x7f, 0x08, 0x80, 0x01]);
        let most = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        check(Message::new().number(1, u64::MAX), &most);
        check(Message::new().fixed(47, 1), &[0xf9, 0x02, 1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
