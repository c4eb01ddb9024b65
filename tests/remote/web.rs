//! A web server that fails as servers do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// How a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With so many bytes at a time; then the connection ends.
    Cuts(usize),
    /// As `Cuts`, and with another ETag each time.
    Changes(usize),
    /// As `Cuts`, and always from the beginning.
    ResumesNothing(usize),
    /// As `Cuts`, without ETag and date.
    SaysNothing(usize),
    /// With 403 and a document that repeats a secret.
    Denies,
    /// With 400 and a document that repeats a secret.
    Complains,
    /// With 500 and a document that repeats a secret, every time.
    Fails,
    /// With 500 at first, then as `Cuts`.
    Recovers(usize),
}

/// A server of one document.
pub struct Web {
    /// `http://127.0.0.1:PORT`.
    pub root: String,
    /// Request lines, with the range that was asked for.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub fn start(content: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, count) = (requests.clone(), AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Clients may leave early.
                let _ = answer(stream, &content, manner, &seen, &count);
            }
        });
        Self { root, requests }
    }

    pub fn asked(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: TcpStream,
    content: &[u8],
    manner: Manner,
    seen: &Mutex<Vec<String>>,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut from = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.split('-').next().and_then(|from| from.parse().ok()).unwrap_or(0);
        }
    }
    seen.lock().unwrap().push(format!("{} from {from}", request.trim()));
    let number = count.fetch_add(1, Ordering::SeqCst);
    let (most, tag) = match manner {
        Manner::Cuts(most) => (most, "ETag: \"one\"\r\n".to_owned()),
        Manner::Changes(most) => (most, format!("ETag: \"{number}\"\r\n")),
        Manner::ResumesNothing(most) => {
            from = 0;
            (most, "ETag: \"one\"\r\n".to_owned())
        }
        Manner::SaysNothing(most) => (most, String::new()),
        Manner::Recovers(most) if number > 0 => (most, "ETag: \"one\"\r\n".to_owned()),
        Manner::Denies | Manner::Complains | Manner::Fails | Manner::Recovers(_) => {
            let status = match manner {
                Manner::Denies => "403 Forbidden",
                Manner::Complains => "400 Bad Request",
                _ => "500 Internal Server Error",
            };
            let body = "<Error><Token>s3cr3t</Token></Error>";
            let length = body.len();
            return write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    };
    let rest = &content[from.min(content.len())..];
    let (length, whole) = (rest.len(), content.len());
    let status = match from {
        0 => "200 OK".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{whole}", whole - 1),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{tag}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&rest[..most.min(length)])
}
