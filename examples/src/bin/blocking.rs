//! The same lock without async, shared by plain threads.

use std::error::Error;
use std::thread;

use shylock::blocking;

fn main() -> Result<(), Box<dyn Error>> {
    let locks = blocking::connect(&shylock_examples::store_url())?;

    let threads: Vec<_> = (1..=3)
        .map(|number| {
            let lock = locks.lock("blocking");
            thread::spawn(move || {
                let report = |guard: &blocking::LockGuard| {
                    println!("thread {number} holds, with fencing token {}", guard.fencing_token());
                };
                lock.with(report)
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }

    // Anywhere in the program, once a manager is configured.
    blocking::configure(locks.clone());
    let guard = blocking::Lock::new("blocking").acquire()?;
    assert!(locks.lock("blocking").try_acquire()?.is_none());
    guard.release()?;

    // Waits until nothing of ours is left in the store.
    locks.shutdown()?;
    println!("done");
    Ok(())
}
