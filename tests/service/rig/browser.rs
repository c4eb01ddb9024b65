//! A browser: it keeps cookies and goes where it is sent.

use std::collections::BTreeMap;

use super::server::{Answer, answer, http};

/// Keeps cookies by host and port, and follows redirects.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    headers: Vec<(String, String)>,
}

impl Browser {
    /// A browser that sends a header to everybody.
    pub fn with(name: &str, value: &str) -> Self {
        let headers = vec![(name.to_owned(), value.to_owned())];
        Self { headers, ..Self::default() }
    }

    /// The cookie `name` of the site of `url`.
    pub fn cookie(&self, url: &str, name: &str) -> Option<&str> {
        Some(self.cookies.get(&site(url))?.get(name)?.as_str())
    }

    /// One request; where it leads is in the answer.
    pub fn request(&mut self, method: &str, url: &str, form: &str) -> Answer {
        let mut headers = self.headers.clone();
        let jar = self.cookies.entry(site(url)).or_default();
        if !jar.is_empty() {
            let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie".to_owned(), pairs.join("; ")));
        }
        if !form.is_empty() {
            let kind = "application/x-www-form-urlencoded".to_owned();
            headers.push(("content-type".to_owned(), kind));
        }
        let answer = send(method, url, &headers, form);
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                let pair = value.split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    jar.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        answer
    }

    /// Goes to `url` and on, until an address begins with `stop` or nothing
    /// leads on; gives where it is, and the answer there, if it asked.
    pub fn travel(&mut self, url: &str, stop: &str) -> (String, Option<Answer>) {
        let mut url = url.to_owned();
        for _ in 0..10 {
            if url.starts_with(stop) {
                return (url, None);
            }
            let answer = self.request("GET", &url, "");
            match answer.header("location") {
                Some(next) if next.starts_with('/') => url = format!("{}{next}", site(&url)),
                Some(next) => url = next.to_owned(),
                None => return (url, Some(answer)),
            }
        }
        panic!("{url} leads nowhere");
    }
}

/// Scheme, host and port of an address.
fn site(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

fn send(method: &str, url: &str, sent: &[(String, String)], form: &str) -> Answer {
    let mut request = http().request(method.parse().unwrap(), url).body(form.to_owned());
    for (name, value) in sent {
        request = request.header(name, value);
    }
    answer(request)
}
