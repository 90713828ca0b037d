//! Lists, page by page, to their end or to `--limit`.

use crate::error::Failure;

/// The most that is asked for in one page.
const PAGE_MAX: usize = 500;

/// How much of a list is wanted.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Limit {
    /// Show at most so many; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

/// Reads pages with `next(page_size, page_token)`, which gives the items and the next token, until the list or the limit ends.
pub async fn all<T>(
    limit: Limit,
    mut next: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Failure>,
) -> Result<Vec<T>, Failure> {
    let wanted = limit.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut items = Vec::new();
    let mut token = String::new();
    while items.len() < wanted {
        let size = (wanted - items.len()).min(PAGE_MAX);
        let (page, following) = next(i32::try_from(size).expect("a page is small"), token.clone()).await?;
        items.extend(page);
        if following.is_empty() {
            break;
        }
        if following == token {
            return Err(Failure::Odd(
                "the controller gave the same page twice; it has a fault, please report it".to_owned(),
            ));
        }
        token = following;
    }
    items.truncate(wanted);
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of 0..1200 in pages of at most 400; gives what was read and the sizes asked for.
    async fn read(limit: Option<u64>) -> (Vec<i32>, Vec<i32>) {
        let mut asked = Vec::new();
        let items = all(Limit { limit }, async |size, token| {
            asked.push(size);
            let from: i32 = if token.is_empty() { 0 } else { token.parse().expect("our own token") };
            let to = (from + size.min(400)).min(1200);
            Ok(((from..to).collect(), if to == 1200 { String::new() } else { to.to_string() }))
        })
        .await
        .expect("a list");
        (items, asked)
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_or_its_limit() {
        assert_eq!(read(None).await, ((0..1200).collect(), vec![500, 500, 500]));
        assert_eq!(read(Some(450)).await, ((0..450).collect(), vec![450, 50]));
        assert_eq!(read(Some(1)).await, (vec![0], vec![1]));
    }

    #[tokio::test]
    async fn a_page_that_is_too_long_is_cut() {
        let got = all(Limit { limit: Some(2) }, async |_, _| Ok((vec![1, 2, 3], String::new()))).await;
        assert_eq!(got.expect("a list"), [1, 2]);
    }

    #[tokio::test]
    async fn a_list_that_turns_in_circles_ends() {
        let circle = all(Limit::default(), async |_, _| Ok((vec![1], "again".to_owned()))).await;
        assert!(matches!(circle, Err(Failure::Odd(_))));
    }
}
