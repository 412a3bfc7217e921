//! A door between the operator and SonarQube, which a test can shut: SonarQube itself neither goes away nor
//! loses an answer on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The requests that create a bound project, on new servers and on older ones.
const IMPORTS: [&[u8]; 2] = [
    b"PUT /api/v2/dop-translation/bound-projects",
    b"POST /api/v2/dop-translation/bound-projects",
];

/// Forwards to SonarQube, byte for byte. Gone when dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    door: Arc<Door>,
    _tasks: JoinSet<()>,
}

struct Door {
    is_open: watch::Sender<bool>,
    attempts: AtomicUsize,
    /// How many imports are left until the one whose answer is lost; 0: none is.
    countdown: AtomicUsize,
    lost: AtomicUsize,
    /// Whether the one import that is counted down to is answered, and no connection is accepted after it.
    is_last: AtomicBool,
}

impl Proxy {
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let upstream = upstream.strip_prefix("http://").unwrap();
        let upstream = upstream.trim_end_matches('/').to_owned();
        let door = Arc::new(Door {
            is_open: watch::Sender::new(true),
            attempts: AtomicUsize::new(0),
            countdown: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            is_last: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, upstream, Arc::clone(&door)));
        Self {
            url,
            door,
            _tasks: tasks,
        }
    }

    /// Cuts every connection, and every further one as soon as it is made.
    pub(crate) fn shut(&self) {
        self.door.is_open.send_replace(false);
        self.door.attempts.store(0, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        self.door.is_open.send_replace(true);
    }

    /// Connections asked for since the door was shut.
    pub(crate) fn attempts(&self) -> usize {
        self.door.attempts.load(Ordering::SeqCst)
    }

    /// Lets the nth import from now on reach SonarQube, and its answer not come back.
    pub(crate) fn lose_the_answer_of_import(&self, nth: usize) {
        self.door.is_last.store(false, Ordering::SeqCst);
        self.door.countdown.store(nth, Ordering::SeqCst);
    }

    /// Shuts the door behind the answer of the next import.
    pub(crate) fn shut_after_import(&self) {
        self.door.is_last.store(true, Ordering::SeqCst);
        self.door.countdown.store(1, Ordering::SeqCst);
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.door.lost.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, upstream: String, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        door.attempts.fetch_add(1, Ordering::SeqCst);
        let server = upstream.clone();
        let door = Arc::clone(&door);
        connections.spawn(async move {
            let mut is_open = door.is_open.subscribe();
            tokio::select! {
                _ = is_open.wait_for(|is_open| !is_open) => {}
                _ = forward(client, server, &door) => {}
            }
        });
    }
}

/// Until either side ends. A client waits for each answer, so a request begins where it is read.
async fn forward(mut client: TcpStream, upstream: String, door: &Door) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_doomed = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                length => {
                    let imports = |start: &&[u8]| request[..length].starts_with(start);
                    is_doomed |= IMPORTS.iter().any(imports) && door.is_the_one();
                    server.write_all(&request[..length]).await?;
                }
            },
            read = server.read(&mut answer) => match read? {
                0 => return Ok(()),
                length if is_doomed && door.is_last.load(Ordering::SeqCst) => {
                    client.write_all(&answer[..length]).await?;
                    door.is_open.send_replace(false);
                }
                // SonarQube answers when all is committed.
                _ if is_doomed => {
                    door.lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                length => client.write_all(&answer[..length]).await?,
            },
        }
    }
}

impl Door {
    fn is_the_one(&self) -> bool {
        let counted = |left: usize| left.checked_sub(1);
        let before = self
            .countdown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted);
        before == Ok(1)
    }
}
