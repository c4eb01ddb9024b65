//! Lists by pages: a limit and an opaque place to go on from. No list counts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use crate::id::{Id, Kind};

/// Most items of a page.
const LARGEST: i64 = 200;

/// The part of a list that is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items of a page, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before; the newest items unless given.
    #[param(max_length = 100)]
    cursor: Option<String>,
}

/// A checked [`PageQuery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Items of the page.
    pub limit: i64,
    /// Ids of the page are less than this.
    bound: String,
}

impl PageQuery {
    /// The part of a list that a query with more in it asks for.
    #[must_use]
    pub fn new(limit: Option<i64>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// The part that is wanted of a list of things of `kind`.
    ///
    /// # Errors
    ///
    /// Where the limit is outside 1 to 200, or the cursor is not this list's.
    pub fn of(&self, kind: Kind) -> Result<Page, Problem> {
        let limit = self.limit.unwrap_or(50);
        if !(1..=LARGEST).contains(&limit) {
            return Err(Problem::invalid_field("limit", "1 to 200"));
        }
        let bound = match &self.cursor {
            // Greater than every id of the kind.
            None => format!("{}_{}", kind.prefix(), "z".repeat(26)),
            Some(cursor) => decode(kind, cursor)
                .ok_or_else(|| {
                    Problem::invalid_field("cursor", "the text `next` of the page before")
                })?
                .to_string(),
        };
        Ok(Page { limit, bound })
    }
}

fn decode(kind: Kind, cursor: &str) -> Option<Id> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    Id::parse(kind, std::str::from_utf8(&bytes).ok()?)
}

impl Page {
    /// What the statements of lists compare ids with: they take what is less.
    #[must_use]
    pub fn bound(&self) -> &str {
        &self.bound
    }

    /// One more than the page holds, so that the end is seen.
    #[must_use]
    pub fn fetched(&self) -> i64 {
        self.limit + 1
    }

    /// The answer of `items`, of which one too many was fetched where there are
    /// more.
    #[must_use]
    pub fn listing<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> &Id) -> Listing<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|item| URL_SAFE_NO_PAD.encode(id(item).as_str()));
        Listing { items, next }
    }
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to give as `cursor` for the page after this one; null at the end.
    pub next: Option<String>,
}
