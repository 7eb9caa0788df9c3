//! A map in memory behind the contract of Duet KV, served by tonic: no log, no checks, no watches. One thread, since it is
//! measured on one core.

use std::{
    collections::HashMap,
    error::Error,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use duetkv::{
    BatchGetRequest, BatchGetResponse, CommitRequest, CommitResponse, Entry, GetRequest,
    GetResponse, MutationResult, PutRequest, PutResponse,
    key_value_service_server::{KeyValueService, KeyValueServiceServer},
    mutation::Kind,
};

#[allow(clippy::all)]
mod duetkv {
    tonic::include_proto!("duetkv.v1");
}

#[derive(Default)]
struct State {
    revision: i64,
    entries: HashMap<String, Entry>,
}

impl State {
    /// Stores a value at the current revision. Returns the entry without its value.
    fn put(&mut self, key: String, value: Option<String>, bytes_value: Option<Vec<u8>>) -> Entry {
        let revision = self.revision;
        let previous = self.entries.get(&key);
        let entry = Entry {
            key: key.clone(),
            revision,
            create_revision: previous.map_or(revision, |entry| entry.create_revision),
            version: previous.map_or(1, |entry| entry.version + 1),
            update_time: Some(now()),
            ..Entry::default()
        };
        let stored = Entry {
            value,
            bytes_value,
            ..entry.clone()
        };
        self.entries.insert(key, stored);
        entry
    }
}

#[derive(Default)]
struct MapService {
    state: Mutex<State>,
}

#[tonic::async_trait]
impl KeyValueService for MapService {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let PutRequest {
            key,
            value,
            bytes_value,
            ..
        } = request.into_inner();
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let entry = state.put(key, value, bytes_value);
        Ok(Response::new(PutResponse {
            revision: entry.revision,
            entry: Some(entry),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let state = self.state.lock().unwrap();
        match state.entries.get(&request.get_ref().key) {
            Some(entry) => Ok(Response::new(GetResponse {
                revision: state.revision,
                entry: Some(entry.clone()),
            })),
            None => Err(Status::not_found("there is no such key")),
        }
    }

    async fn batch_get(
        &self,
        request: Request<BatchGetRequest>,
    ) -> Result<Response<BatchGetResponse>, Status> {
        let state = self.state.lock().unwrap();
        let mut response = BatchGetResponse {
            revision: state.revision,
            ..BatchGetResponse::default()
        };
        for key in request.into_inner().keys {
            match state.entries.get(&key) {
                Some(entry) => response.entries.push(entry.clone()),
                None => response.missing_keys.push(key),
            }
        }
        Ok(Response::new(response))
    }

    async fn commit(
        &self,
        request: Request<CommitRequest>,
    ) -> Result<Response<CommitResponse>, Status> {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let mut results = Vec::new();
        for mutation in request.into_inner().mutations {
            results.push(match mutation.kind {
                Some(Kind::Put(put)) => MutationResult {
                    entry: Some(state.put(put.key, put.value, put.bytes_value)),
                    deleted: false,
                },
                Some(Kind::Delete(delete)) => MutationResult {
                    entry: None,
                    deleted: state.entries.remove(&delete.key).is_some(),
                },
                None => return Err(Status::invalid_argument("empty mutation")),
            });
        }
        Ok(Response::new(CommitResponse {
            revision: state.revision,
            results,
        }))
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp {
        seconds: since.as_secs() as i64,
        nanos: since.subsec_millis() as i32 * 1_000_000,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(r#"{{"msg":"ready","listen":"{}"}}"#, listener.local_addr()?);
    Server::builder()
        .tcp_nodelay(true)
        .add_service(KeyValueServiceServer::new(MapService::default()))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}
