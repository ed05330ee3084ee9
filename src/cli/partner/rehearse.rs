//! The rehearsal of `certify --self`: a gateway in a temporary folder, with the partner's own file and mappings and keys
//! made for the occasion, and the partner's side played against its doors. The real record is not touched.

use std::{fs, path::Path, time::Duration};

use toml_edit::{Array, DocumentMut, Item, Value, value};

use super::{OnDisk, samples};
use crate::{
    cli::{operate, serve::refused},
    control::{Answer, Request, Standing, StandingQuery, call},
    document::Mode,
    gateway::Gateway,
    keys::ApiKey,
    onboard::Seen,
    partner::{Partner, Status, Step},
    play::{SftpClient, Supplier, SupplierKey},
};

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
    Rest(ApiKey),
    Sftp(String, Box<SupplierKey>),
}

/// Rehearses with a partner.
pub(super) fn run(disk: &OnDisk, partner: &Partner) -> anyhow::Result<Rehearsed> {
    let folder = tempfile::Builder::new().prefix("gangway-rehearsal-").tempdir()?;
    let mut notes = Vec::new();
    let way = stage(disk, partner, folder.path(), &mut notes)?;
    let settings = operate::settings(Some(&folder.path().join("gangway.toml")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let seen = runtime.block_on(async {
        let data = settings.data.clone();
        let gateway = Gateway::start(settings).await.map_err(refused)?;
        let played = match play(&gateway, partner, &way, &mut notes).await {
            Ok(()) => watch(&data, partner).await,
            Err(error) => Err(error),
        };
        gateway.stop().await?;
        played
    })?;
    Ok(Rehearsed { seen, notes })
}

/// Writes the folder of the rehearsal.
fn stage(disk: &OnDisk, partner: &Partner, folder: &Path, notes: &mut Vec<String>) -> anyhow::Result<Way> {
    let (_, text) = disk.text(&partner.id)?;
    let mut file: DocumentMut = text.parse()?;
    file["status"] = value(Status::Test.as_str());
    if let Some(x12) = file.get_mut("x12").and_then(Item::as_table_like_mut) {
        x12.remove("via");
    }
    let way = match &partner.sftp {
        Some(sftp) => {
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
        None => {
            if partner.as2.is_some() {
                notes.push("sent over the API, which stands in for AS2".into());
            }
            let key = ApiKey::generate(Mode::Live);
            if file.get("rest").is_none() {
                file["rest"] = Item::Table(toml_edit::Table::new());
            }
            file["rest"]["api_keys"] = list(&format!("sha256:{}", key.digest()));
            Way::Rest(key)
        }
    };
    let partners = folder.join("partners");
    fs::create_dir_all(partners.join("templates"))?;
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
    let mappings = fs::canonicalize(&disk.settings.mappings).unwrap_or_else(|_| folder.join("mappings"));
    let sftp = if partner.sftp.is_some() { "127.0.0.1:0" } else { "off" };
    let settings = format!(
        "mappings = {}\n[public]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[private]\nhttp = \"127.0.0.1:0\"\n\
         [sftp]\naddress = \"{sftp}\"\n",
        Value::from(mappings.display().to_string())
    );
    fs::write(folder.join("gangway.toml"), settings)?;
    Ok(way)
}

fn list(text: &str) -> Item {
    let mut array = Array::new();
    array.push(text);
    value(array)
}

/// Sends the samples, and the first of them twice.
async fn play(gateway: &Gateway, partner: &Partner, way: &Way, notes: &mut Vec<String>) -> anyhow::Result<()> {
    let mut samples = samples::of(partner);
    if let Some(mut again) = samples.get(1).cloned() {
        again.what = "again";
        samples.push(again);
    }
    match way {
        Way::Rest(key) => {
            let base = gateway.listening().public.map(|at| format!("http://{at}")).unwrap_or_default();
            let supplier = Supplier::new(base, key.reveal());
            for (index, sample) in samples.iter().enumerate() {
                let key = format!("rehearsal-{index}");
                let answer = if sample.path.is_empty() {
                    supplier.post(sample.media_type, &key, sample.bytes.clone()).await?
                } else {
                    supplier.post_json(&key, samples::ORDER, sample.path, sample.bytes.clone()).await?
                };
                if answer.status.as_u16() != 202 {
                    notes.push(format!("{}: {} instead of 202", sample.name, answer.status));
                }
            }
        }
        Way::Sftp(user, key) => {
            let at = gateway.listening().sftp.ok_or_else(|| anyhow::anyhow!("SFTP is off"))?;
            let client = SftpClient::connect(at, user, key).await?;
            for (index, sample) in samples.iter().enumerate() {
                client.put(&format!("inbound/{index}-{}", sample.name), &sample.bytes).await?;
            }
            client.close().await;
        }
    }
    Ok(())
}

/// Waits until all that can be seen was seen.
async fn watch(data: &Path, partner: &Partner) -> anyhow::Result<Vec<Seen>> {
    let began = std::time::Instant::now();
    let beyond = [Step::OrderDelivered, Step::OrderAcknowledged];
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
        let mut open = steps.iter().map(|(step, _)| step).filter(|step| seen.iter().all(|seen| seen.step != **step));
        if open.all(|step| beyond.contains(step)) || began.elapsed() > PATIENCE {
            return Ok(seen);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
