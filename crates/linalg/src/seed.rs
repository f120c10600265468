//! Seeds and keyed streams of random numbers.

use rand::SeedableRng;
pub use rand::rngs::ChaCha8Rng;

/// A generator that belongs to one item of one purpose.
///
/// The key is (seed, purpose, item), so that no item depends on who drew before it: the
/// purpose is mixed into the seed by FNV-1a, the item picks the ChaCha stream. `ChaCha8Rng`
/// is value-stable across versions and machines.
///
/// # Example
/// ```
/// use embex_linalg::seed::stream;
/// let mut a = stream(42, "doc", 0);
/// let mut b = stream(42, "doc", 0);
/// assert_eq!(a.get_word_pos(), b.get_word_pos());
/// # use rand::Rng;
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert_ne!(a.next_u64(), stream(42, "doc", 1).next_u64());
/// ```
pub fn stream(seed: u64, purpose: &str, item: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ fnv1a(purpose.as_bytes()));
    rng.set_stream(item);
    rng
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_every_part_of_the_key() {
        let first = |seed, purpose, item| stream(seed, purpose, item).next_u64();
        let base = first(1, "init", 0);
        assert_eq!(base, first(1, "init", 0));
        assert_ne!(base, first(2, "init", 0));
        assert_ne!(base, first(1, "k-means", 0));
        assert_ne!(base, first(1, "init", 1));
    }

    #[test]
    fn hash_matches_the_published_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
