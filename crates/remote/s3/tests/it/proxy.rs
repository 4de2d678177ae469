//! A way to a server that fails, delays, cuts and repeats HTTP requests, from a seed, and counts each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Done,
    /// 503, and the server has not seen it.
    Fails,
    /// 503, though the server has done it.
    DoneAndFails,
    /// It takes so long that others overtake it.
    Delayed,
    /// The connection ends in the middle of what is sent.
    CutRequest,
    /// The connection ends in the middle of the answer.
    CutAnswer,
    /// The server gets it once more, later.
    Repeated,
}

pub(crate) const FAULTS: [Fate; 6] = [
    Fate::Fails,
    Fate::DoneAndFails,
    Fate::Delayed,
    Fate::CutRequest,
    Fate::CutAnswer,
    Fate::Repeated,
];

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    server: SocketAddr,
    rng: Mutex<fastrand::Rng>,
    /// What is still to happen to requests without and with a body, before all of it may happen once more.
    decks: Mutex<[Vec<Fate>; 2]>,
    /// One of so many goes wrong; none if it is 0.
    one_of: Mutex<u64>,
    met: Mutex<BTreeMap<Fate, u64>>,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, seed: u64, one_of: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(TcpListener::bind(any)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            decks: Mutex::default(),
            one_of: Mutex::new(one_of),
            met: Mutex::default(),
        });
        let of_all = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&of_all);
                // A way that is cut is none of its own failures.
                tokio::spawn(async move {
                    let _ = shared.pass(client).await;
                });
            }
        });
        Self {
            address,
            shared,
            runtime: Some(runtime),
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn be_good(&self) {
        *self.shared.one_of.lock().unwrap() = 0;
    }

    /// How often which fate was met.
    pub(crate) fn met(&self) -> BTreeMap<Fate, u64> {
        self.shared.met.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.met().values().sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// One request of a client, and its answer. Then the connection ends.
    async fn pass(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some(request) = read_request(&mut client).await? else {
            return Ok(());
        };
        let (fate, part) = self.fate(&request);
        match fate {
            Fate::Fails => return client.write_all(SLOW_DOWN).await,
            Fate::CutRequest => {
                let sent = request.head + cut(request.bytes.len() - request.head, part);
                let mut server = TcpStream::connect(self.server).await?;
                server.write_all(&request.bytes[..sent]).await?;
                return server.shutdown().await;
            }
            Fate::Delayed => tokio::time::sleep(Duration::from_millis(20 + part % 200)).await,
            _ => {}
        }
        let answer = ask(self.server, &request.bytes).await?;
        match fate {
            Fate::DoneAndFails => return client.write_all(SLOW_DOWN).await,
            Fate::CutAnswer => {
                let head = end_of_head(&answer).unwrap_or(0);
                let sent = head + cut(answer.len() - head, part);
                return client.write_all(&answer[..sent]).await;
            }
            _ => {}
        }
        client.write_all(&answer).await?;
        client.shutdown().await?;
        if fate == Fate::Repeated {
            tokio::time::sleep(Duration::from_millis(part % 300)).await;
            ask(self.server, &request.bytes).await?;
        }
        Ok(())
    }

    /// What happens to this one, and a number to choose by.
    fn fate(&self, request: &Request) -> (Fate, u64) {
        let mut rng = self.rng.lock().unwrap();
        let one_of = *self.one_of.lock().unwrap();
        let mut fate = Fate::Done;
        if one_of > 0 && rng.u64(..one_of) == 0 {
            let has_body = request.bytes.len() > request.head;
            let deck = &mut self.decks.lock().unwrap()[usize::from(has_body)];
            if deck.is_empty() {
                // What has no body is not cut in the middle of one.
                let all = FAULTS
                    .iter()
                    .filter(|fault| has_body || **fault != Fate::CutRequest);
                deck.extend(all);
                rng.shuffle(deck);
            }
            fate = deck.pop().unwrap();
        }
        *self.met.lock().unwrap().entry(fate).or_default() += 1;
        (fate, rng.u64(..))
    }
}

struct Request {
    bytes: Vec<u8>,
    /// Of them the head has so many.
    head: usize,
}

const SLOW_DOWN: &[u8] =
    b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Somewhere in the middle of so many.
fn cut(len: usize, part: u64) -> usize {
    usize::try_from(part % (len as u64).max(1)).unwrap()
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// A whole request, which asks the server to end the connection after its answer. A token that is empty, as somebody has who
/// needs none, is left out: the server takes it for a credential that it does not know.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = end_of_head(&bytes) {
            break head;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < head + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let head_lines = text.split_inclusive("\r\n").scan(0, |end, line| {
        *end += line.len();
        Some((*end - line.len()..*end, line))
    });
    let is_empty_token = |line: &str| line.trim() == "authorization: bearer";
    let tokens: Vec<_> = head_lines
        .filter(|(_, line)| is_empty_token(line))
        .map(|(at, _)| at)
        .collect();
    let end = b"connection: close\r\n\r\n";
    bytes.splice(head - 2..head, end.iter().copied());
    let mut head = head - 2 + end.len();
    for token in tokens.into_iter().rev() {
        head -= token.len();
        bytes.drain(token);
    }
    Ok(Some(Request { bytes, head }))
}

async fn ask(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(server).await?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}
