//! The HTTP API.

mod admin;
mod collection;
mod cursor;
mod database;
mod document;
mod documents;
mod exchange;
mod index;
mod query;
mod reply;
mod request;
mod routes;
mod server;

pub(crate) use server::serve;
