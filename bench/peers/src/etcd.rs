//! etcd's own lock service, by the few messages of it that a lock needs: the usual crate wants a compiler for
//! protocol buffers on the machine that builds it.

use prost::Message;
use shylock_bench_worker::{Contestant, Failure};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::TTL;

#[derive(Clone)]
pub(crate) struct Etcd {
    channel: Channel,
    /// One for the process, as `etcdctl lock` and the sessions of the Go client have it.
    lease: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LeaseGrantRequest {
    #[prost(int64, tag = "1")]
    ttl: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LeaseGrantResponse {
    #[prost(int64, tag = "2")]
    id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LockRequest {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(int64, tag = "2")]
    lease: i64,
}

#[derive(Clone, PartialEq, Message)]
struct LockResponse {
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct UnlockRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct UnlockResponse {}

impl Etcd {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let channel = Endpoint::from_shared(url.to_owned())?.connect().await?;
        let mut etcd = Self { channel, lease: 0 };
        // It is never renewed, so it lasts for the longest run.
        let ttl = i64::try_from(TTL.as_secs())? * 60;
        let granted: LeaseGrantResponse =
            etcd.call("/etcdserverpb.Lease/LeaseGrant", LeaseGrantRequest { ttl }).await?;
        etcd.lease = granted.id;
        Ok(etcd)
    }

    async fn call<Q, A>(&self, path: &'static str, request: Q) -> Result<A, Failure>
    where
        Q: Message + Default + 'static,
        A: Message + Default + 'static,
    {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        Ok(client.unary(Request::new(request), PathAndQuery::from_static(path), codec).await?.into_inner())
    }
}

impl Contestant for Etcd {
    type Guard = Vec<u8>;

    async fn acquire(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let request = LockRequest { name: name.as_bytes().to_vec(), lease: self.lease };
        let granted: LockResponse = self.call("/v3lockpb.Lock/Lock", request).await?;
        Ok(granted.key)
    }

    async fn release(&self, key: Vec<u8>) -> Result<(), Failure> {
        let _: UnlockResponse = self.call("/v3lockpb.Lock/Unlock", UnlockRequest { key }).await?;
        Ok(())
    }
}
