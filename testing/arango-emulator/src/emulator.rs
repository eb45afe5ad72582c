//! The emulator as tests see it.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::auth::Rights;
use crate::config::Config;
use crate::faults::{Fault, FaultId};
use crate::http;
use crate::state::State;

/// How long a restart tries to get its port back.
const REBIND: Duration = Duration::from_secs(10);
/// How long a stop waits for work that runs.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// A running emulator. Dropping it stops it.
///
/// It has threads of its own, so it can be used from tests with any runtime or none, and a paused clock of the test
/// does not pause it.
#[derive(Debug)]
pub struct Emulator {
    state: Arc<State>,
    address: SocketAddr,
    user: String,
    password: String,
    runtime: Option<Runtime>,
}

impl Emulator {
    /// Starts a server with no data but the system's.
    ///
    /// # Errors
    /// When the port cannot be had, or no thread can be started.
    pub fn start(config: &Config) -> io::Result<Self> {
        let listener = TcpListener::bind((config.host, config.port))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(config));
        let runtime = serve(listener, &state)?;
        Ok(Self {
            state,
            address,
            user: config.user.clone(),
            password: config.password.clone(),
            runtime: Some(runtime),
        })
    }

    /// Where it listens, as `http://<host>:<port>`; the host is `127.0.0.1` unless the set-up names another one.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the user who may do everything.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// That user's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Makes a fault happen to requests to come.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.state.faults.inject(fault)
    }

    /// How often a fault has happened.
    pub fn fired(&self, fault: FaultId) -> u64 {
        self.state.faults.fired(fault)
    }

    /// Ends one fault.
    pub fn clear_fault(&self, fault: FaultId) {
        self.state.faults.clear_one(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// How many requests arrived, by method and path. Paths are without their `/_db/<name>` and their query string.
    pub fn requests(&self) -> BTreeMap<(String, String), u64> {
        self.state.counters.all()
    }

    /// How many requests arrived for a path and everything below it, such as `/_api/cursor`.
    pub fn requests_to(&self, path: &str) -> u64 {
        self.state.counters.under(path)
    }

    /// Starts counting again.
    pub fn reset_requests(&self) {
        self.state.counters.reset();
    }

    /// Makes the server's clock run ahead by that many milliseconds, or behind if they are negative.
    pub fn set_clock_skew(&self, millis: i64) {
        self.state.clock.set_skew(millis);
    }

    /// What the server's clock shows, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.state.clock.now_ms()
    }

    /// Adds a user, or gives a known one further rights: those to a database, and those to the collections in it.
    pub fn add_user(&self, name: &str, password: &str, database: &str, rights: Rights) {
        self.state.auth.add_user(name, password, database, rights);
    }

    /// Makes the whole server read-only, or ends that.
    pub fn set_read_only(&self, read_only: bool) {
        self.state.set_read_only(read_only);
    }

    /// Makes queries wait between their write and their commit, so that concurrent ones conflict.
    pub fn set_commit_delay(&self, delay: Duration) {
        self.state.set_commit_delay(delay);
    }

    /// Makes the next `queries` queries that write wait for each other after their evaluation: none
    /// commits before all have read, so those that write the same document do conflict, whatever the timing.
    pub fn meet_before_commit(&self, queries: usize) {
        self.state.plan_meeting(queries);
    }

    /// Runs the removal of expired documents now; tells how many documents went.
    pub fn remove_expired(&self) -> usize {
        self.state.store().remove_expired(self.state.clock.now_ms())
    }

    /// Makes every token worthless that was given out so far.
    pub fn revoke_tokens(&self) {
        self.state.auth.forget_tokens();
    }

    /// Takes the server down: connections are cut and new ones refused, until [`restart`](Self::restart). The data
    /// stay; cursors and tokens do not, as with a server that draws the secret of its tokens at its start.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for a runtime is not allowed inside of another one, so a thread does it.
            let _ = std::thread::spawn(move || runtime.shutdown_timeout(SHUTDOWN)).join();
        }
        self.state.forget_volatile();
    }

    /// Stops the server if it runs, and starts it again on the same port with the same data.
    ///
    /// # Errors
    /// When the port is not free again within some seconds.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let started = Instant::now();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) if started.elapsed() > REBIND => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        self.runtime = Some(serve(listener, &self.state)?);
        Ok(())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn serve(listener: TcpListener, state: &Arc<State>) -> io::Result<Runtime> {
    listener.set_nonblocking(true)?;
    let runtime =
        Builder::new_multi_thread().worker_threads(2).thread_name("arango-emulator").enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    runtime.spawn(http::serve(listener, Arc::clone(state)));
    Ok(runtime)
}
