//! Figures of several runs, and the one line that says them.

use serde_json::{Map, Value, json};

/// How often everything is measured.
pub(crate) const RUNS: usize = 3;

/// What one run measured, by name, in the order in which it is shown.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// The line: what was measured with which settings, each figure's median, and the runs.
pub(crate) fn line(what: &str, settings: &[(&str, u64)], runs: &[Figures]) -> String {
    let mut shown = Map::new();
    shown.insert("what".to_owned(), json!(what));
    shown.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    for (name, _) in runs.first().into_iter().flatten() {
        let values = runs.iter().filter_map(|run| run.iter().find(|(other, _)| other == name)).map(|(_, value)| *value);
        shown.insert((*name).to_owned(), number(percentile(&mut values.collect::<Vec<_>>(), 50.0)));
    }
    let object =
        |run: &Figures| Value::Object(run.iter().map(|(name, value)| ((*name).to_owned(), number(*value))).collect());
    shown.insert("runs".to_owned(), runs.iter().map(object).collect());
    Value::Object(shown).to_string()
}

/// The smallest value that `percent` of all values do not exceed; 0 of none.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small and not negative")]
    let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Three digits after the point are enough of anything measured here.
fn number(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}
