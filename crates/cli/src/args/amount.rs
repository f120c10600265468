//! Amounts of memory on the command line.

use std::fmt;
use std::str::FromStr;

/// Bytes, written as `1500000`, `800K`, `1.5G`; the letters stand for powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount(pub(crate) u64);

const LETTERS: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no amount of memory; write 800M or 1.5G");
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper);
        let unit = LETTERS.iter().find_map(|&(c, power)| Some((digits.strip_suffix(c)?, power)));
        let (number, power) = unit.unwrap_or((digits, 0));
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let bytes = number * f64::from(power).exp2();
        if number > 0.0 && (1.0..u64::MAX as f64).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = LETTERS.iter().rev().find(|&&(_, power)| self.0 >> power > 0);
        match unit {
            Some(&(letter, power)) => {
                write!(f, "{:.1} {letter}iB", self.0 as f64 / f64::from(power).exp2())
            }
            None => write!(f, "{} B", self.0),
        }
    }
}

/// What a run may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// As `--max-memory` says.
    Asked(Amount),
    /// What the machine has left, where nothing less was asked for.
    Machine(Amount),
}

impl Limit {
    /// Assumed where the system does not tell what it has left.
    const UNKNOWN: u64 = 64 << 30;

    /// The least of what was asked for and what the machine has left now.
    pub(crate) fn now(asked: Option<Amount>) -> Self {
        Self::of(asked, embex_io::memory_left().unwrap_or(Self::UNKNOWN))
    }

    fn of(asked: Option<Amount>, left: u64) -> Self {
        match asked {
            Some(asked) if asked.0 <= left => Self::Asked(asked),
            _ => Self::Machine(Amount(left)),
        }
    }

    pub(crate) const fn bytes(self) -> u64 {
        let (Self::Asked(amount) | Self::Machine(amount)) = self;
        amount.0
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(amount) => write!(f, "{amount} of --max-memory"),
            Self::Machine(amount) => write!(f, "{amount} that this machine has left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_powers_of_1024() {
        let read = |text: &str| text.parse::<Amount>().map(|amount| amount.0);
        assert_eq!(read("1500000"), Ok(1_500_000));
        assert_eq!(read("800K"), Ok(800 << 10));
        assert_eq!(read("1.5g"), Ok(3 << 29));
        assert_eq!(read("2GiB"), Ok(2 << 30));
        for bad in ["", "G", "-1G", "0", "nan", "inf", "1e30T", "four"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_machine_limits_what_was_asked_for() {
        let of = |asked: Option<u64>| Limit::of(asked.map(Amount), 1 << 30);
        assert_eq!(of(None), Limit::Machine(Amount(1 << 30)));
        assert_eq!(of(Some(1 << 40)), Limit::Machine(Amount(1 << 30)));
        assert_eq!(of(Some(1 << 20)), Limit::Asked(Amount(1 << 20)));
        assert_eq!(of(Some(1 << 20)).to_string(), "1.0 MiB of --max-memory");
    }

    #[test]
    fn amounts_are_written_with_one_decimal() {
        assert_eq!(Amount(1023).to_string(), "1023 B");
        assert_eq!(Amount(3 << 29).to_string(), "1.5 GiB");
    }
}
