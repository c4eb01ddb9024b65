//! UTF-16 text as UTF-8, while it streams by.

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The low one.
    Little,
    /// The high one.
    Big,
}

/// The order that the first bytes of a text show, if it is UTF-16: by its mark,
/// or by every other byte of its first two letters being zero.
pub(super) fn order_of(head: &[u8]) -> Option<Order> {
    match head {
        // The mark of UTF-32.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(Order::Little),
        [0xfe, 0xff, ..] => Some(Order::Big),
        [1..=255, 0, 1..=255, 0, ..] => Some(Order::Little),
        [0, 1..=255, 0, 1..=255, ..] => Some(Order::Big),
        _ => None,
    }
}

/// Decodes piece by piece; what is no text becomes U+FFFD.
#[derive(Debug)]
pub(super) struct Decoder {
    order: Order,
    /// The first byte of a unit whose second is still to come.
    half: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
}

impl Decoder {
    pub fn new(order: Order) -> Self {
        Self { order, half: None, high: None }
    }

    /// Appends the text of `bytes` to `text`; `mark` and all.
    pub fn decode(&mut self, bytes: &[u8], text: &mut String) {
        for &byte in bytes {
            let Some(first) = self.half.take() else {
                self.half = Some(byte);
                continue;
            };
            let pair = [first, byte];
            self.unit(
                match self.order {
                    Order::Little => u16::from_le_bytes(pair),
                    Order::Big => u16::from_be_bytes(pair),
                },
                text,
            );
        }
    }

    /// Appends what the end of the input leaves incomplete.
    pub fn finish(&mut self, text: &mut String) {
        if self.half.take().is_some() | self.high.take().is_some() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn unit(&mut self, unit: u16, text: &mut String) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(letter)) = char::decode_utf16([high, unit]).next() {
                text.push(letter);
                return;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        text.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_however_it_is_cut() {
        let expected = "\u{feff}id;smiles\r\nß 𝄞;CCO\n";
        for order in [Order::Little, Order::Big] {
            let bytes: Vec<u8> = expected
                .encode_utf16()
                .flat_map(|unit| match order {
                    Order::Little => unit.to_le_bytes(),
                    Order::Big => unit.to_be_bytes(),
                })
                .collect();
            assert_eq!(order_of(&bytes), Some(order));
            assert_eq!(order_of(&bytes[2..]), Some(order));
            for size in 1..9 {
                let (mut decoder, mut text) = (Decoder::new(order), String::new());
                bytes.chunks(size).for_each(|piece| decoder.decode(piece, &mut text));
                decoder.finish(&mut text);
                assert_eq!(text, expected);
            }
        }
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let (mut decoder, mut text) = (Decoder::new(Order::Little), String::new());
        decoder.decode(&[0x00, 0xd8, b'C', 0, 0x00, 0xdc, b'O'], &mut text);
        decoder.finish(&mut text);
        assert_eq!(text, "\u{fffd}C\u{fffd}\u{fffd}");
        assert_eq!(order_of(b"\x7fELF\x02\x01\x01\0"), None);
        assert_eq!(order_of(b"CCO"), None);
    }
}
