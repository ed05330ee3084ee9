//! The rehearsal of `certify --self`: a gateway in a temporary folder, with the partner's own file and mappings and keys
//! made for the occasion, and the partner's side played against its doors. The real record is not touched.

use std::{fs, path::Path, time::Duration};

use toml_edit::{Array, DocumentMut, Item, Value, value};

use super::{OnDisk, samples};
use crate::{
    cli::{operate, serve::refused},
    control::{Answer, Request, Standing, StandingQuery, call},
    document::Mode,
    doors::as2::Ring,
    gateway::Gateway,
    keys::ApiKey,
    onboard::Seen,
    partner::{Partner, Status, Step},
    play::{
        As2Form, As2Partner, As2Server, Endpoint, ErpClient, SftpClient, Supplier, SupplierKey,
        canonical::{functional_acknowledgement, handed_over, purchase_order},
        x12::{Interchange, Order},
    },
    xml::cxml,
};

/// What the partner's endpoint answers.
const TAKEN: &str = "<cXML payloadID=\"rehearsal\" timestamp=\"2026-01-01T12:00:00Z\"><Response>\
    <Status code=\"200\" text=\"OK\"/></Response></cXML>";

/// How long what was sent may take to show.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a rehearsal came to.
pub(super) struct Rehearsed {
    /// The evidence.
    pub(super) seen: Vec<Seen>,
    /// What was done otherwise than the partner will do it.
    pub(super) notes: Vec<String>,
}

/// How the partner's side is played.
enum Way {
    /// With the endpoint to which cXML is posted, where the partner has one.
    Rest(ApiKey, Option<Endpoint>),
    Sftp(String, Box<SupplierKey>),
    As2(Box<As2Partner>, As2Server),
}

/// Rehearses with a partner.
pub(super) fn run(disk: &OnDisk, partner: &Partner) -> anyhow::Result<Rehearsed> {
    let folder = tempfile::Builder::new().prefix("gangway-rehearsal-").tempdir()?;
    let mut notes = Vec::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let seen = runtime.block_on(async {
        let way = stage(disk, partner, folder.path()).await?;
        let settings = operate::settings(Some(&folder.path().join("gangway.toml")))?;
        let data = settings.data.clone();
        let gateway = Gateway::start(settings).await.map_err(refused)?;
        let played = match play(&gateway, &data, partner, &way, &mut notes).await {
            Ok(()) => watch(&data, partner).await,
            Err(error) => Err(error),
        };
        gateway.stop().await?;
        played
    })?;
    Ok(Rehearsed { seen, notes })
}

/// Writes the folder of the rehearsal.
async fn stage(disk: &OnDisk, partner: &Partner, folder: &Path) -> anyhow::Result<Way> {
    let partners = folder.join("partners");
    fs::create_dir_all(partners.join("templates"))?;
    let mappings = fs::canonicalize(&disk.settings.mappings).unwrap_or_else(|_| folder.join("mappings"));
    let sftp = if partner.sftp.is_some() { "127.0.0.1:0" } else { "off" };
    let settings = format!(
        "mappings = {}\n[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[private]\nhttp = \"127.0.0.1:0\"\n\
         [sftp]\naddress = \"{sftp}\"\n",
        Value::from(mappings.display().to_string())
    );
    fs::write(folder.join("gangway.toml"), settings)?;
    let (_, text) = disk.text(&partner.id)?;
    let mut file: DocumentMut = text.parse()?;
    file["status"] = value(Status::Test.as_str());
    if let Some(x12) = file.get_mut("x12").and_then(Item::as_table_like_mut) {
        x12.remove("via");
    }
    let way = match (&partner.sftp, &partner.as2) {
        (Some(sftp), _) => {
            let key = SupplierKey::generate()?;
            let table = &mut file["sftp"];
            table["keys"] = list(&key.public());
            if let Some(table) = table.as_table_like_mut() {
                table.remove("passwords");
                table.remove("sources");
            }
            let user = sftp.users.first().map(ToString::to_string).unwrap_or_default();
            Way::Sftp(user, Box::new(key))
        }
        (None, Some(as2)) => {
            let settings = operate::settings(Some(&folder.join("gangway.toml")))?;
            fs::create_dir_all(&settings.data)?;
            // The gateway finds these keys when it starts; the partner's software has to know them before.
            let (ring, _) = Ring::open(&settings)?;
            let certificates = ring.keys().iter().map(|key| key.certificate().clone()).collect();
            let software = As2Partner::make(as2.id.as_str(), &settings.as2.id, certificates);
            let software = software.map_err(anyhow::Error::msg)?;
            let server = As2Server::start(software.clone()).await?;
            fs::write(partners.join("rehearsal.pem"), &software.certificate)?;
            file["as2"]["url"] = value(server.url());
            file["as2"]["certificates"] = list("rehearsal.pem");
            Way::As2(Box::new(software), server)
        }
        (None, None) => {
            let key = ApiKey::generate(Mode::Live);
            if file.get("rest").is_none() {
                file["rest"] = Item::Table(toml_edit::Table::new());
            }
            file["rest"]["api_keys"] = list(&format!("sha256:{}", key.digest()));
            let endpoint = match partner.cxml.as_ref().and_then(|cxml| cxml.url.as_ref()) {
                Some(_) => Some(Endpoint::start().await?),
                None => None,
            };
            if let (Some(endpoint), Some(table)) = (&endpoint, file.get_mut("cxml").and_then(Item::as_table_like_mut)) {
                endpoint.say(http::StatusCode::OK, TAKEN);
                table.insert("url", value(endpoint.url()));
                // Nobody but the partner knows its own, and ours is for nobody else.
                table.remove("secret");
                table.remove("their_secrets");
            }
            Way::Rest(key, endpoint)
        }
    };
    fs::write(partners.join(format!("{}.toml", partner.id)), file.to_string())?;
    for (name, source) in &disk.files.templates {
        fs::write(partners.join("templates").join(format!("{name}.toml")), &*source.text)?;
    }
    // Certificates and the like are read where they are.
    let real = fs::canonicalize(&disk.settings.partners)?;
    for entry in fs::read_dir(&real)?.filter_map(Result::ok) {
        let to = partners.join(entry.file_name());
        if !to.exists() && entry.path().extension().is_none_or(|ending| ending != "toml" && ending != "md") {
            std::os::unix::fs::symlink(entry.path(), to)?;
        }
    }
    Ok(way)
}

fn list(text: &str) -> Item {
    let mut array = Array::new();
    array.push(text);
    value(array)
}

/// Hands an order over and answers it; then sends the samples, and one of them twice.
async fn play(
    gateway: &Gateway,
    data: &Path,
    partner: &Partner,
    way: &Way,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    if let Err(error) = order(gateway, data, partner, way).await {
        notes.push(format!("the order: {error:#}"));
    }
    let mut samples = samples::of(partner);
    if let Some(mut again) = samples.get(1).cloned() {
        again.what = "again";
        samples.push(again);
    }
    match way {
        Way::Rest(key, _) => {
            let supplier = supplier(gateway, key);
            for (index, sample) in samples.iter().enumerate() {
                let key = format!("rehearsal-{index}");
                let answer = if sample.path.is_empty() {
                    supplier.post(sample.media_type, &key, sample.bytes.clone()).await?
                } else {
                    supplier.post_json(&key, samples::ORDER, sample.path, sample.bytes.clone()).await?
                };
                let refused = cxml::Response::read(&answer.body).filter(|told| told.meaning() != cxml::Meaning::Taken);
                match refused {
                    Some(refused) => notes.push(format!("{}: {refused}", sample.name)),
                    None if matches!(answer.status.as_u16(), 200 | 202) => {}
                    None => notes.push(format!("{}: {} instead of 202", sample.name, answer.status)),
                }
            }
        }
        Way::As2(software, _) => {
            let url = as2_url(gateway);
            for sample in &samples {
                let sent = software.send(&url, &sample.bytes, &As2Form::default()).await.map_err(anyhow::Error::msg)?;
                match sent.proof {
                    Some(Ok(told)) if told.is_accepted() => {}
                    proof => notes.push(format!("{}: {} with the receipt {proof:?}", sample.name, sent.reply.status)),
                }
            }
        }
        Way::Sftp(user, key) => {
            let client = sftp(gateway, user, key).await?;
            for (index, sample) in samples.iter().enumerate() {
                client.put(&format!("inbound/{index}-{}", sample.name), &sample.bytes).await?;
            }
            client.close().await;
        }
    }
    Ok(())
}

/// An order goes out, is fetched or taken, and earns its 997 where its form has one.
async fn order(gateway: &Gateway, data: &Path, partner: &Partner, way: &Way) -> anyhow::Result<()> {
    let token = fs::read_to_string(data.join("erp.token"))?;
    let private = gateway.listening().private.map(|at| format!("http://{at}")).unwrap_or_default();
    let order = purchase_order(&Order::sample(samples::ORDER, 2), "original");
    let handed = handed_over(&partner.id, "purchase_order", order);
    let answer = ErpClient::new(private, token.trim()).submit("rehearsal-order", &handed).await?;
    anyhow::ensure!(answer.status.as_u16() == 202, "{} {}", answer.status, answer.text());
    let began = std::time::Instant::now();
    let text = loop {
        if let Some(text) = fetched(gateway, way).await? {
            break text;
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "it did not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let terms = partner.x12.as_ref().and_then(|terms| Some((terms.ids.first()?, &terms.ours)));
    let (Some(set), Some((theirs, ours))) = (functional_acknowledgement(&text, true), terms) else { return Ok(()) };
    let (theirs, ours) = (samples::party(theirs), samples::party(ours));
    let bytes = Interchange::new(&theirs, &ours, 90).rehearsal().with(set).to_bytes();
    match way {
        Way::Rest(key, _) => drop(supplier(gateway, key).post_x12("rehearsal-997", bytes).await?),
        Way::Sftp(user, key) => {
            let client = sftp(gateway, user, key).await?;
            client.put("inbound/997.edi", &bytes).await?;
            client.close().await;
        }
        Way::As2(software, _) => {
            let sent = software.send(&as2_url(gateway), &bytes, &As2Form::default()).await;
            sent.map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}

/// The order, once it is there for the partner.
async fn fetched(gateway: &Gateway, way: &Way) -> anyhow::Result<Option<String>> {
    let bytes = match way {
        Way::As2(_, server) => server.taken().first().map(|taken| taken.bytes.to_vec()),
        Way::Rest(_, Some(endpoint)) => endpoint.taken().first().map(|call| call.body.to_vec()),
        Way::Rest(key, None) => {
            let supplier = supplier(gateway, key);
            let listed = supplier.client().get("/v1/messages?direction=out&state=ready").await?.json();
            match listed.pointer("/data/0/id").and_then(serde_json::Value::as_str) {
                Some(id) => {
                    let payload = supplier.client().get(&format!("/v1/messages/{id}/payload")).await?;
                    Some(payload.body.to_vec())
                }
                None => None,
            }
        }
        Way::Sftp(user, key) => {
            let client = sftp(gateway, user, key).await?;
            let bytes = match client.list("outbound").await?.first() {
                Some(name) => Some(client.get(&format!("outbound/{name}")).await?),
                None => None,
            };
            client.close().await;
            bytes
        }
    };
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn supplier(gateway: &Gateway, key: &ApiKey) -> Supplier {
    let base = gateway.listening().public.map(|at| format!("http://{at}")).unwrap_or_default();
    Supplier::new(base, key.reveal())
}

async fn sftp(gateway: &Gateway, user: &str, key: &SupplierKey) -> anyhow::Result<SftpClient> {
    let at = gateway.listening().sftp.ok_or_else(|| anyhow::anyhow!("SFTP is off"))?;
    Ok(SftpClient::connect(at, user, key).await?)
}

fn as2_url(gateway: &Gateway) -> String {
    gateway.listening().public.map(|at| format!("http://{at}/as2")).unwrap_or_default()
}

/// Waits until all that can be seen was seen.
async fn watch(data: &Path, partner: &Partner) -> anyhow::Result<Vec<Seen>> {
    let began = std::time::Instant::now();
    loop {
        let of = vec![StandingQuery::of(partner, true)];
        let data = data.to_owned();
        let answer = tokio::task::spawn_blocking(move || call(&data, &Request::Standing { of })).await??;
        let all: Vec<Standing> = match answer {
            Answer::Ok(value) => serde_json::from_value(value)?,
            Answer::Err { text, .. } => anyhow::bail!(text),
        };
        let seen: Vec<Seen> = all.into_iter().flat_map(|standing| standing.seen).collect();
        let steps = partner.certification.steps();
        let is_open = |step: &Step| seen.iter().all(|seen| seen.step != *step);
        if !steps.iter().any(|(step, required)| *required && is_open(step)) || began.elapsed() > PATIENCE {
            return Ok(seen);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
