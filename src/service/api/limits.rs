//! How many requests an account may make. By account, never by address: users
//! of one cluster share one.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::Problem;
use crate::tenancy::Principal;

/// Requests of each account in a second.
pub struct Limits {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Limits {
    /// At most `per_second` requests of an account, and a burst of twice that.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// Where there were too many.
    pub fn check(&self, principal: &Principal) -> Result<(), Problem> {
        let key = principal.member.as_ref().unwrap_or(&principal.org);
        self.limiter.check_key(&key.to_string()).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            let detail = "too many requests: come again after Retry-After seconds";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
                .retry_after(wait.as_secs() + 1)
        })
    }

    /// Forgets accounts that have been quiet.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
    }
}
