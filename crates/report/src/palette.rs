//! Colours that most people can tell apart, for groups and for numbers.

/// A colour, red green blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// As CSS and SVG write it.
    ///
    /// ```
    /// assert_eq!(embex_report::palette::Rgb(0, 114, 178).hex(), "#0072b2");
    /// ```
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn mix(self, other: Self, share: f64) -> Self {
        let one = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round();
        Self(one(self.0, other.0) as u8, one(self.1, other.1) as u8, one(self.2, other.2) as u8)
    }
}

/// Hues after Okabe and Ito's colour-blind-safe set (yellow darkened and black left out, since points
/// are drawn on white and on black), then five more, grey last.
const HUES: [Rgb; 12] = [
    Rgb(0, 114, 178),
    Rgb(230, 159, 0),
    Rgb(0, 158, 115),
    Rgb(213, 94, 0),
    Rgb(204, 121, 167),
    Rgb(86, 180, 233),
    Rgb(176, 160, 20),
    Rgb(104, 76, 184),
    Rgb(158, 42, 96),
    Rgb(196, 154, 108),
    Rgb(122, 84, 48),
    Rgb(127, 127, 127),
];

/// Colour of group `index`: twelve hues, then the same lighter, then darker, and so on around.
pub fn group(index: usize) -> Rgb {
    let hue = HUES[index % HUES.len()];
    match (index / HUES.len()) % 3 {
        0 => hue,
        1 => hue.mix(Rgb(255, 255, 255), 0.45),
        _ => hue.mix(Rgb(0, 0, 0), 0.45),
    }
}

/// Blue – light grey – orange, lightness falling to both sides: safe for the common forms of
/// colour blindness, and zero is seen on white and on black.
const DIVERGING: [Rgb; 9] = [
    Rgb(5, 48, 97),
    Rgb(33, 102, 172),
    Rgb(67, 147, 195),
    Rgb(146, 197, 222),
    Rgb(218, 218, 218),
    Rgb(253, 184, 99),
    Rgb(224, 130, 20),
    Rgb(179, 88, 6),
    Rgb(127, 59, 8),
];

/// Dark to light through blue and green to yellow, lightness rising evenly.
const SEQUENTIAL: [Rgb; 9] = [
    Rgb(68, 1, 84),
    Rgb(71, 44, 122),
    Rgb(59, 81, 139),
    Rgb(44, 113, 142),
    Rgb(33, 144, 141),
    Rgb(39, 173, 129),
    Rgb(92, 200, 99),
    Rgb(170, 220, 50),
    Rgb(253, 231, 37),
];

fn along(stops: &[Rgb], share: f64) -> Rgb {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let at = share * (stops.len() - 1) as f64;
    let low = (at.floor() as usize).min(stops.len() - 2);
    stops[low].mix(stops[low + 1], at - low as f64)
}

/// Colour of a signed number scaled to −1…1: blue below, light grey at 0, orange above.
pub fn diverging(scaled: f64) -> Rgb {
    along(&DIVERGING, 0.5 + 0.5 * scaled)
}

/// Colour of a number scaled to 0…1: dark violet to yellow.
pub fn sequential(scaled: f64) -> Rgb {
    along(&SEQUENTIAL, scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of sRGB (WCAG).
    fn luminance(c: Rgb) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2)
    }

    #[test]
    fn groups_differ_for_36_and_stay_visible_on_white_and_black() {
        let colours: Vec<Rgb> = (0..36).map(group).collect();
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{i}");
        }
        for c in &colours[..12] {
            assert!((0.08..0.6).contains(&luminance(*c)), "{c:?} {}", luminance(*c));
        }
    }

    #[test]
    fn scales_are_monotone_in_lightness() {
        let light: Vec<f64> =
            (0..=20).map(|k| luminance(sequential(f64::from(k) / 20.0))).collect();
        assert!(light.windows(2).all(|w| w[1] > w[0]));
        for side in [-1.0, 1.0] {
            let light: Vec<f64> =
                (0..=20).map(|k| luminance(diverging(side * f64::from(k) / 20.0))).collect();
            assert!(light.windows(2).all(|w| w[1] < w[0]));
        }
    }

    #[test]
    fn out_of_range_is_clamped_and_nan_is_a_colour() {
        assert_eq!(diverging(-7.0), DIVERGING[0]);
        assert_eq!(sequential(7.0), SEQUENTIAL[8]);
        assert_eq!(sequential(f64::NAN), SEQUENTIAL[0]);
    }
}
