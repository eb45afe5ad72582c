//! The store in memory.

use shylock_core::conformance::Harness;
use shylock_core::memory::MemoryBackend;

struct Memory(MemoryBackend);

impl Harness for Memory {
    type Backend = MemoryBackend;

    async fn backend(&self) -> MemoryBackend {
        self.0.clone()
    }
}

async fn fresh() -> Memory {
    Memory(MemoryBackend::new())
}

shylock_core::conformance_suite!(fresh);
