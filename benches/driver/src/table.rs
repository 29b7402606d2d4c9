//! Tables in Markdown, and what stands in them.

/// A table that is printed when it is full.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { rows: vec![heads.into_iter().map(Into::into).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| {
                let text = row.get(column).map_or("", String::as_str);
                let width = widths[column];
                if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
            };
            let cells: Vec<String> = (0..columns).map(cell).collect();
            println!("| {} |", cells.join(" | "));
            if index == 0 {
                let rule = |column: usize| {
                    let dashes = "-".repeat(widths[column].max(3) - usize::from(column > 0));
                    if column == 0 { dashes } else { format!("{dashes}:") }
                };
                let rules: Vec<String> = (0..columns).map(rule).collect();
                println!("| {} |", rules.join(" | "));
            }
        }
        println!();
    }
}

/// The lower quartile, the median and the upper quartile; all NaN of nothing.
pub fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        let place = (values.len().saturating_sub(1) * quarter) as f64 / 4.0;
        let (low, part) = (place.floor() as usize, place.fract());
        let low_value = values.get(low).copied().unwrap_or(f64::NAN);
        let high_value = values.get(low + 1).copied().unwrap_or(low_value);
        low_value + (high_value - low_value) * part
    };
    [at(1), at(2), at(3)]
}

/// A number with three digits, more before the point.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "–".to_owned(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => grouped(value.round() as u64),
    }
}

/// A whole number with commas.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
