//! What lies over the lower part of a pane until it is closed: words to compare with somebody, facts about a message.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::sentence;
use crate::api::{Verification, WordsView};
use crate::ui::model::Model;
use crate::ui::widgets::{lines, wrap};

/// Columns of the name of the person with whom words are compared.
const NAME_CELLS: usize = 30;

/// Draws rows under a title at the lower end of the body.
fn draw(model: &Model, body: Rect, buffer: &mut Buffer, title: &str, rows: Vec<Line<'static>>) {
    let theme = model.theme;
    let body = body.intersection(buffer.area);
    let needed = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(body.height);
    let (_, area) = lines::split_top(body, body.height - needed);
    Clear.render(area, buffer);
    let (rule, rest) = lines::split_top(area, 1);
    lines::draw(buffer, rule, [lines::plain(theme.rule().repeat(usize::from(rule.width)), theme.faint())]);
    let (head, rest) = lines::split_top(rest, 1);
    lines::draw(buffer, head, [lines::plain(title.to_owned(), theme.strong())]);
    lines::draw(buffer, rest, rows);
}

/// Draws facts, one or more rows each.
pub fn draw_facts(model: &Model, title: &str, facts: &[String], body: Rect, buffer: &mut Buffer) {
    let style = ratatui::style::Style::new();
    let facts = facts.iter().filter(|fact| !fact.is_empty());
    let rows = facts.flat_map(|fact| sentence(fact, body.width, style)).collect();
    draw(model, body, buffer, title, rows);
}

/// Draws the words of both devices.
pub fn draw_words(model: &Model, words: &WordsView, body: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let whom = match words.contact.name.as_str().trim() {
        "" => words.contact.posting_id.fingerprint(),
        name => {
            let name = wrap::clip(&name.replace('\n', " "), NAME_CELLS, theme.ellipsis());
            format!("{name} {}", words.contact.posting_id.fingerprint())
        }
    };
    let about = format!(
        "Read them to {whom} over a way you trust, by voice or side by side. The same on both devices: nobody \
         stands between you."
    );
    let listed: Vec<String> =
        words.words.iter().zip(1..).map(|(word, number)| format!("{number} {word}")).collect();
    // The words first: of the rest the end may be cut.
    let mut rows = sentence(&listed.join("   "), body.width, theme.strong());
    rows.push(Line::default());
    rows.extend(sentence(&about, body.width, theme.faint()));
    rows.push(Line::default());
    let state = match words.contact.verification {
        Verification::Verified => "They were compared before and were the same.",
        Verification::Unverified => "They were not compared yet.",
    };
    rows.extend(sentence(state, body.width, theme.faint()));
    draw(model, body, buffer, "Words to compare", rows);
}
