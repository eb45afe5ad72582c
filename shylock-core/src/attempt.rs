//! One call to a backend, in a task of its own.

use std::time::Duration;

use tokio::time::timeout;

use crate::backend::{BackendError, BackendErrorKind};

/// Runs one call to a backend and waits for it up to a limit.
///
/// The call has a task of its own, so neither the limit nor a caller that goes away cuts it off half way:
/// drivers may not be cancelled in the middle of an operation. Every step is idempotent, so one that ends
/// after nobody waits for it does no harm.
pub(crate) async fn attempt<T: Send + 'static>(
    limit: Duration,
    call: impl Future<Output = Result<T, BackendError>> + Send + 'static,
) -> Result<T, BackendError> {
    match timeout(limit, tokio::spawn(call)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(stopped)) => {
            Err(BackendError::new(BackendErrorKind::Broken, "the backend panicked, or its runtime ended")
                .with_source(stopped))
        }
        Err(_) => Err(BackendError::new(
            BackendErrorKind::Transient,
            format!("the store did not answer within {limit:?}"),
        )),
    }
}
