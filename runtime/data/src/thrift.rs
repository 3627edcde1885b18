//! A structural walk over Thrift's compact encoding: proves that declared sizes fit in the bytes, and shows the integers.

/// A cursor over encoded bytes.
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    /// How far the walk has come, in bytes.
    pub(crate) pos: usize,
}

const MAX_DEPTH: usize = 32;
/// Any list longer than this is a lie: no footer we read describes so many things.
const MAX_LIST: u64 = 4_000_000;

type Step<T> = Result<T, &'static str>;

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Walk<'a> {
        Walk { bytes, pos: 0 }
    }

    /// Walks one structure; `see` gets the path of field numbers and the value of each integer in it (lists excluded).
    pub(crate) fn structure(&mut self, see: &mut dyn FnMut(&[i16], i64)) -> Step<()> {
        self.fields(&mut Vec::new(), false, see)
    }

    fn fields(
        &mut self,
        path: &mut Vec<i16>,
        in_list: bool,
        see: &mut dyn FnMut(&[i16], i64),
    ) -> Step<()> {
        if path.len() >= MAX_DEPTH {
            return Err("it nests too deeply");
        }
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| "a field number is too large")?,
                step => id
                    .checked_add(i16::from(step))
                    .ok_or("a field number is too large")?,
            };
            path.push(id);
            let kind = head & 15;
            if !matches!(kind, 1 | 2) {
                self.value(kind, path, in_list, see)?;
            }
            path.pop();
        }
    }

    fn value(
        &mut self,
        kind: u8,
        path: &mut Vec<i16>,
        in_list: bool,
        see: &mut dyn FnMut(&[i16], i64),
    ) -> Step<()> {
        if path.len() >= MAX_DEPTH {
            return Err("it nests too deeply");
        }
        match kind {
            1..=3 => self.byte().map(|_| ()),
            4..=6 => {
                let value = self.zigzag()?;
                if !in_list {
                    see(path, value);
                }
                Ok(())
            }
            7 => self.skip(8),
            8 => {
                let len = self.varint()?;
                self.skip(len)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 {
                    self.varint()?
                } else {
                    u64::from(head >> 4)
                };
                self.many(count, 1)?;
                path.push(0);
                for _ in 0..count {
                    self.value(head & 15, path, true, see)?;
                }
                path.pop();
                Ok(())
            }
            11 => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                self.many(count, 2)?;
                let kinds = self.byte()?;
                path.push(0);
                for _ in 0..count {
                    self.value(kinds >> 4, path, true, see)?;
                    self.value(kinds & 15, path, true, see)?;
                }
                path.pop();
                Ok(())
            }
            12 => self.fields(path, in_list, see),
            13 => self.skip(16),
            _ => Err("it has a value of an unknown kind"),
        }
    }

    /// Each of `count` things takes at least `least` bytes.
    fn many(&self, count: u64, least: u64) -> Step<()> {
        let left = (self.bytes.len() - self.pos) as u64;
        if count > MAX_LIST || count.saturating_mul(least) > left {
            return Err("it declares more entries than it has bytes");
        }
        Ok(())
    }

    fn byte(&mut self) -> Step<u8> {
        let byte = *self.bytes.get(self.pos).ok_or("it ends too early")?;
        self.pos += 1;
        Ok(byte)
    }

    fn skip(&mut self, len: u64) -> Step<()> {
        if len > (self.bytes.len() - self.pos) as u64 {
            return Err("it ends too early");
        }
        self.pos += len as usize;
        Ok(())
    }

    fn varint(&mut self) -> Step<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number is too long")
    }

    fn zigzag(&mut self) -> Step<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }
}
