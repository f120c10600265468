//! The one memory budget that bounds batching everywhere.

/// Bytes that the blocks in flight may take; results do not depend on it.
///
/// Work is cut into blocks whose size is a function of the problem alone; the budget only
/// chooses how many of them are in flight, so any budget gives the same bits.
///
/// # Example
/// ```
/// use embex_linalg::MemoryBudget;
/// assert_eq!(MemoryBudget::bytes(10 << 20).blocks_in_flight(4 << 20, 8), 2);
/// assert_eq!(MemoryBudget::default().blocks_in_flight(4 << 20, 8), 8);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemoryBudget {
    limit: Option<u64>,
}

impl MemoryBudget {
    /// At most this many bytes.
    pub const fn bytes(limit: u64) -> Self {
        Self { limit: Some(limit) }
    }

    /// The limit in bytes; `None` means none.
    pub const fn limit(self) -> Option<u64> {
        self.limit
    }

    /// How many blocks of `block_bytes` may be in flight: at least 1, at most `wanted`.
    pub fn blocks_in_flight(self, block_bytes: u64, wanted: usize) -> usize {
        match self.limit {
            None => wanted.max(1),
            Some(limit) => {
                let fit = usize::try_from(limit / block_bytes.max(1)).unwrap_or(usize::MAX);
                fit.clamp(1, wanted.max(1))
            }
        }
    }
}
