//! Numbers and names as text: one way to print a number, one way to escape a name per format.

/// A number for people: `digits` significant digits, `e` notation outside 1e-4 ≤ |x| < 1e6.
///
/// ```
/// use embex_report::text::number;
/// assert_eq!(number(0.123456, 3), "0.123");
/// assert_eq!(number(-12345.6, 3), "-12300");
/// assert_eq!(number(1.5e-7, 3), "1.5e-7");
/// assert_eq!(number(f64::NAN, 3), "–");
/// ```
pub fn number(x: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if !x.is_finite() {
        return "–".to_owned();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    // Rounding may carry into the next decade (9.996 → 10.0), so the exponent is read after it.
    let scientific = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let rounded: f64 = scientific.parse().unwrap_or(x);
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trimmed(&format!("{rounded:.decimals$}")).to_owned()
}

/// Drops zeros behind the point.
fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Seconds for people: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
///
/// ```
/// assert_eq!(embex_report::text::seconds(245.2), "4 min 05 s");
/// ```
pub fn seconds(s: f64) -> String {
    if !s.is_finite() || s < 0.0 {
        return "–".to_owned();
    }
    if s < 1.0 {
        return format!("{} ms", number(1000.0 * s, 3));
    }
    if s < 60.0 {
        return format!("{} s", number(s, 3));
    }
    let whole = s.round() as u64;
    if whole < 3600 {
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
}

/// Bytes for people, in powers of 1024.
///
/// ```
/// assert_eq!(embex_report::text::bytes(3 << 19), "1.5 MiB");
/// ```
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = n as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", number(size, 3), UNITS[unit])
}

/// Text inside HTML or XML, in elements and in quoted attributes. Control characters that XML
/// forbids become U+FFFD.
///
/// ```
/// assert_eq!(embex_report::text::html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
/// ```
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Text inside a Markdown table cell: one line, no markup of its own.
///
/// ```
/// assert_eq!(embex_report::text::markdown("a|b\n<c>"), r"a\|b \<c\>");
/// ```
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// One CSV field, quoted where RFC 4180 asks for it.
///
/// ```
/// assert_eq!(embex_report::text::csv_field("a,\"b\""), r#""a,""b""""#);
/// ```
pub fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// JSON that may stand inside an HTML `script` element: nothing in it can close the element or
/// open a comment.
///
/// # Errors
/// [`crate::Error::Json`] if the value does not serialise.
pub fn script_json<T: serde::Serialize>(value: &T) -> crate::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // These occur only inside JSON strings, where the escape means the same.
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_that_carries_into_the_next_decade_keeps_the_digits() {
        assert_eq!(number(9.996, 3), "10");
        assert_eq!(number(999_999.9, 3), "1e6");
        assert_eq!(number(0.000_099_99, 3), "0.0001");
        assert_eq!(number(0.05, 1), "0.05");
        assert_eq!(number(-0.000_012, 2), "-1.2e-5");
        assert_eq!(number(f64::MAX, 2), "1.8e308");
    }

    #[test]
    fn seconds_and_bytes_choose_their_unit() {
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(59.0), "59 s");
        assert_eq!(seconds(7380.0), "2 h 03 min");
        assert_eq!(bytes(17), "17 B");
        assert_eq!(bytes(2_000_000_000), "1.86 GiB");
    }

    #[test]
    fn script_json_cannot_leave_its_element() {
        let hostile = vec!["</script><script>alert(1)</script>", "<!--", "]]>", "a\u{2028}b"];
        let json = script_json(&hostile).unwrap();
        assert!(!json.contains('<') && !json.contains('>') && !json.contains('\u{2028}'));
        let back: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back, hostile);
    }

    #[test]
    fn control_characters_do_not_reach_xml() {
        assert_eq!(html("a\u{0}b\u{1b}c\nd"), "a\u{FFFD}b\u{FFFD}c\nd");
    }
}
