//! Quick start: puts, gets, compares and swaps, commits, lists, watches and deletes.
//! Usage: cargo run -- [HOST:PORT]

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use duetkv::key_value_service_client::KeyValueServiceClient;
use duetkv::{
    mutation, precondition, Check, CommitRequest, DeleteMutation, DeleteRequest, GetRequest,
    ListRequest, Mutation, Precondition, PutMutation, PutRequest, WatchRequest,
};

mod duetkv {
    tonic::include_proto!("duetkv.v1");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "localhost:8080".into());
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .timeout(Duration::from_secs(30))
        .connect()
        .await?;
    let mut client = KeyValueServiceClient::new(channel);

    let stored = client.put(put("greeting", "Hello")).await?.into_inner();
    println!("put greeting at revision {}", stored.revision);

    let request = GetRequest {
        key: "greeting".into(),
        ..Default::default()
    };
    let entry = client
        .get(request)
        .await?
        .into_inner()
        .entry
        .expect("a get returns an entry");
    println!("got {:?} of revision {}", entry.value(), entry.revision);

    // A compare-and-swap succeeds while the entry has the revision that was read. The second one comes too late.
    let mut current = entry.revision;
    for text in ["Good morning", "Good evening"] {
        let swap = PutRequest {
            precondition: if_revision(entry.revision),
            ..put("greeting", text)
        };
        match client.put(swap).await {
            Ok(swapped) => {
                current = swapped.into_inner().revision;
                println!("put {text:?} at revision {current}");
            }
            Err(status) => {
                let actual = mismatched_revision(&status).ok_or(status)?;
                println!("refused {text:?}: the revision is {actual} now");
            }
        }
    }

    let german = PutMutation {
        key: "greeting/de".into(),
        value: Some("Guten Morgen".into()),
        ..Default::default()
    };
    let french = DeleteMutation {
        key: "greeting/fr".into(),
    };
    let committed = client
        .commit(CommitRequest {
            checks: vec![Check {
                key: "greeting".into(),
                precondition: if_revision(current),
            }],
            mutations: vec![
                Mutation {
                    kind: Some(mutation::Kind::Put(german)),
                },
                Mutation {
                    kind: Some(mutation::Kind::Delete(french)),
                },
            ],
            ..Default::default()
        })
        .await?
        .into_inner();
    println!("committed at revision {}", committed.revision);

    let request = ListRequest {
        prefix: "greeting".into(),
        ..Default::default()
    };
    let page = client.list(request).await?.into_inner();
    let keys: Vec<_> = page
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    println!("listed {}", keys.join(", "));

    let request = DeleteRequest {
        key: "greeting".into(),
        ..Default::default()
    };
    let deleted = client.delete(request).await?.into_inner();
    println!("deleted greeting at revision {}", deleted.revision);

    watch(&mut client, stored.revision - 1, deleted.revision).await?;
    Ok(())
}

/// Prints every change after the revision `start`, up to the revision `last`. Dropping the stream ends the watch.
async fn watch(
    client: &mut KeyValueServiceClient<Channel>,
    start: i64,
    last: i64,
) -> Result<(), Status> {
    let request = WatchRequest {
        prefix: "greeting".into(),
        start_revision: Some(start),
        ..Default::default()
    };
    let mut changes = client.watch(request).await?.into_inner();
    while let Some(message) = changes.message().await? {
        for event in &message.events {
            let key = event.entry.as_ref().map_or("", |entry| entry.key.as_str());
            println!(
                "watched {} {} {key}",
                message.revision,
                event.r#type().as_str_name()
            );
        }
        if !message.events.is_empty() && message.revision == last {
            break;
        }
    }
    Ok(())
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.into(),
        value: Some(value.into()),
        ..Default::default()
    }
}

fn if_revision(revision: i64) -> Option<Precondition> {
    Some(Precondition {
        condition: Some(precondition::Condition::Revision(revision)),
    })
}

/// The revision that the entry has, when a precondition failed because it has another one.
fn mismatched_revision(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    let failed = status.code() == Code::Aborted && info.reason == "REVISION_MISMATCH";
    failed
        .then(|| info.metadata.get("current_revision").cloned())
        .flatten()
}
