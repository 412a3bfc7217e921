//! Days on the calendar, as `2027-01-15`: in this form the later one is the greater one.

/// Whether a text is a day of the calendar.
pub(crate) fn is_date(text: &str) -> bool {
    parts(text).is_some()
}

/// The day after a day.
pub(crate) fn day_after(text: &str) -> String {
    let Some((year, month, day)) = parts(text) else {
        return text.to_owned();
    };
    let (year, month, day) = match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        (month, day) if day == length(year, month) => (year, month + 1, 1),
        (month, day) => (year, month, day + 1),
    };
    format!("{year:04}-{month:02}-{day:02}")
}

fn parts(text: &str) -> Option<(u32, u32, u32)> {
    let lengths = text.split('-').map(str::len);
    if !lengths.eq([4, 2, 2]) {
        return None;
    }
    let mut numbers = text.split('-').map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten();
    let (year, month, day): (u32, u32, u32) = (next()?, next()?, next()?);
    let known = (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    known.then_some((year, month, day))
}

/// How many days a month has.
fn length(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_followed_by_the_next_one() {
        for (day, next) in [
            ("2027-01-15", "2027-01-16"),
            ("2027-02-28", "2027-03-01"),
            ("2028-02-28", "2028-02-29"),
            ("2100-02-28", "2100-03-01"),
            ("2027-04-30", "2027-05-01"),
            ("2027-12-31", "2028-01-01"),
        ] {
            assert_eq!(day_after(day), next);
            assert!(day < next && is_date(next));
        }
        for text in [
            "soon",
            "2027-1-15",
            "2027-01-15T00",
            "27-01-15",
            "2027-13-01",
            "2027-02-29",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
