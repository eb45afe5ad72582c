//! Taking connections.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::exchange;
use crate::state::State;

/// Serves one server on a listener, for as long as the runtime lives.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    tokio::spawn(remove_expired(Arc::clone(&state)));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| exchange::handle(Arc::clone(&state), request));
            // A real server sends no date.
            let connection =
                http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            // Clients may go away at any time, and faults cut connections: neither is worth a word.
            let _ = connection.await;
        });
    }
}

async fn remove_expired(state: Arc<State>) {
    loop {
        tokio::time::sleep(state.ttl_interval).await;
        state.store().remove_expired(state.clock.now_ms());
    }
}
