//! Makes calls of every kind with tonic, and prints their outcomes. Usage: duetkv-foreign-calls HOST:PORT

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::{ErrorInfo, StatusExt};

use duetkv::key_value_service_client::KeyValueServiceClient;
use duetkv::{
    mutation, precondition, BatchGetRequest, Check, CommitRequest, Event, GetRequest,
    HistoryRequest, Mutation, Precondition, PutMutation, PutRequest, TouchRequest, WatchRequest,
};

mod duetkv {
    tonic::include_proto!("duetkv.v1");
}

const VALUE_BYTES: usize = 1_000_000;
const SHORT: Duration = Duration::from_millis(300);

type Client = KeyValueServiceClient<Channel>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: HOST:PORT")?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut client = KeyValueServiceClient::new(channel);

    let put = PutRequest {
        key: "large".into(),
        value: Some("v".repeat(VALUE_BYTES)),
        ..Default::default()
    };
    let revision = client.put(put).await?.into_inner().revision;
    println!("put {VALUE_BYTES} bytes at revision {revision}");
    let got = client.get(get("large")).await?.into_inner();
    println!("got {} bytes", got.entry.ok_or("no entry")?.value().len());
    let keys = vec!["large".into(), "none".into()];
    let batch = BatchGetRequest {
        keys,
        ..Default::default()
    };
    let batch = client.batch_get(batch).await?.into_inner();
    println!(
        "batch: {} found, {} missing",
        batch.entries.len(),
        batch.missing_keys.len()
    );

    let other = PutMutation {
        key: "other".into(),
        value: Some("v".into()),
        ..Default::default()
    };
    let commit = CommitRequest {
        checks: vec![Check {
            key: "large".into(),
            precondition: Some(Precondition {
                condition: Some(precondition::Condition::Revision(9)),
            }),
        }],
        mutations: vec![Mutation {
            kind: Some(mutation::Kind::Put(other)),
        }],
        ..Default::default()
    };
    let refused = failure(client.commit(commit).await)?;
    let info = error_info(&refused)?;
    println!(
        "commit: {} {}, current_revision {}",
        refused.code() as i32,
        info.reason,
        info.metadata["current_revision"]
    );
    let missing = failure(client.get(get("none")).await)?;
    println!(
        "get: {} {}",
        missing.code() as i32,
        error_info(&missing)?.reason
    );

    let touch = TouchRequest {
        key: "large".into(),
        ttl: Some(prost_types::Duration {
            seconds: 600,
            nanos: 0,
        }),
        ..Default::default()
    };
    let revision = client.touch(touch).await?.into_inner().revision;
    println!("touched at revision {revision}");
    let history = HistoryRequest {
        key: "large".into(),
        ..Default::default()
    };
    let versions = client.history(history).await?.into_inner().events.len();
    println!("history: {versions} versions");

    let quiet = WatchRequest {
        prefix: "quiet".into(),
        ..Default::default()
    };
    let ended = failure(first_event(&mut client, brief(quiet)).await)?;
    println!("deadline of a watch: {}", deadline_code(&ended));

    let everything = WatchRequest {
        start_revision: Some(0),
        ..Default::default()
    };
    let event = first_event(&mut client, Request::new(everything)).await?;
    let bytes = event.entry.ok_or("no entry")?.value().len();
    println!("watched {bytes} bytes and canceled");
    Ok(())
}

fn get(key: &str) -> GetRequest {
    GetRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn brief<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(SHORT);
    request
}

/// Watches until the first event. Dropping the stream cancels the watch.
async fn first_event(client: &mut Client, request: Request<WatchRequest>) -> Result<Event, Status> {
    let mut changes = client.watch(request).await?.into_inner();
    loop {
        let message = changes
            .message()
            .await?
            .ok_or_else(|| Status::internal("the watch ended"))?;
        if let Some(event) = message.events.into_iter().next() {
            return Ok(event);
        }
    }
}

/// The error of a call that must fail.
fn failure<T>(result: Result<T, Status>) -> Result<Status, &'static str> {
    result.err().ok_or("the call succeeded")
}

/// Where tonic's own timer is first, it calls that cancelled.
fn deadline_code(status: &Status) -> i32 {
    let is_own = status.code() == Code::Cancelled && status.message() == "Timeout expired";
    if is_own {
        Code::DeadlineExceeded as i32
    } else {
        status.code() as i32
    }
}

fn error_info(status: &Status) -> Result<ErrorInfo, &'static str> {
    status.get_details_error_info().ok_or("no ErrorInfo")
}
