//! Keys of draws: a draw is a function of where it stands, never of when it happens.

/// A key from which draws and the keys of inner places follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub [u64; 4]);

impl Key {
    pub fn seed(seed: u64) -> Key {
        Key::of(b"seed", &seed.to_le_bytes())
    }

    fn of(what: &[u8], data: &[u8]) -> Key {
        let mut h = blake3::Hasher::new();
        h.update(what);
        h.update(data);
        Key::from_bytes(h.finalize().as_bytes())
    }

    fn from_bytes(b: &[u8; 32]) -> Key {
        let mut k = [0u64; 4];
        for (i, chunk) in b.chunks_exact(8).enumerate() {
            let mut w = [0u8; 8];
            w.copy_from_slice(chunk);
            k[i] = u64::from_le_bytes(w);
        }
        Key(k)
    }

    /// As bytes, for hashing.
    pub fn bytes(&self) -> [u8; 32] {
        let mut b = [0u8; 32];
        for (i, w) in self.0.iter().enumerate() {
            b[i * 8..i * 8 + 8].copy_from_slice(&w.to_le_bytes());
        }
        b
    }

    /// The key of the n-th place inside.
    pub fn child(&self, n: u64) -> Key {
        let mut data = [0u8; 40];
        data[..32].copy_from_slice(&self.bytes());
        data[32..].copy_from_slice(&n.to_le_bytes());
        Key::of(b"child", &data)
    }

    /// The key of a named place inside.
    pub fn named(&self, name: &str) -> Key {
        let mut data = self.bytes().to_vec();
        data.extend_from_slice(name.as_bytes());
        Key::of(b"named", &data)
    }

    /// A generator of numbers for this draw.
    pub fn stream(&self) -> Stream {
        use rand_chacha::rand_core::SeedableRng;
        Stream(rand_chacha::ChaCha8Rng::from_seed(self.bytes()))
    }
}

/// Numbers that follow from one key.
pub struct Stream(rand_chacha::ChaCha8Rng);

impl Stream {
    pub fn bits(&mut self) -> u64 {
        use rand_chacha::rand_core::Rng;
        self.0.next_u64()
    }

    /// In [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`, each equally likely.
    pub fn below(&mut self, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let v = self.bits();
            if v < limit {
                return v % n;
            }
        }
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let u = 1.0 - self.unit();
        let v = self.unit();
        (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
}
