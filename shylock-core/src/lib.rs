//! Distributed locks as queues of leases: the queue, the backend trait, and the manager that runs them.
