//! The drop box's way out: an order of the ERP's is fetched from outbound/ under the agreed name, and its 997 comes home.

use gangway::play::{
    SftpClient, SupplierKey, canonical,
    x12::{Interchange, Party},
};

use super::{post, verbs};
use crate::util::{Gateway, cast, gwtest, wait_for};

/// A gateway whose one partner has a drop box with these further terms.
async fn site(dir: &crate::util::Dir, terms: &str) -> (Gateway, SftpClient) {
    let key = SupplierKey::generate().unwrap();
    let settings = cast::settings().replace("[sftp]\naddress = \"off\"", "[sftp]\naddress = \"127.0.0.1:0\"");
    dir.create("gangway.toml", settings);
    let file = format!(
        "name = \"Box\"\ntemplate = \"sftp-x12\"\nstatus = \"live\"\nvendor_number = \"V-box\"\n\n[x12]\nids = [\"ZZ/BOX\"]\n\
         ours = \"01/098765432\"\n\n[sftp]\nusers = [\"box\"]\nkeys = [\"{}\"]\n{terms}\n",
        key.public()
    );
    std::fs::create_dir_all(dir.join("partners")).unwrap();
    dir.create("partners/box.toml", file);
    let gateway = Gateway::start(dir).await;
    let listeners = std::fs::read_to_string(dir.join("data/listeners.json")).unwrap();
    let listeners: serde_json::Value = serde_json::from_str(&listeners).unwrap();
    let at = listeners["sftp"].as_str().unwrap_or_else(|| panic!("{listeners}")).parse().unwrap();
    (gateway, SftpClient::connect(at, "box", &key).await.unwrap())
}

/// The names in outbound/, once there is one.
async fn names(client: &SftpClient) -> Vec<String> {
    wait_for("a file in outbound/", async || {
        let names = client.list("outbound").await.unwrap();
        (!names.is_empty()).then_some(names)
    })
    .await
}

gwtest!(an_order_is_fetched_and_its_997_comes_home, async |dir| {
    let (gateway, client) = site(&dir, "").await;
    let erp = gateway.erp();
    post(&erp, "k-1", "box", "4500000001").await;
    let names = names(&client).await;
    let [name] = &names[..] else { panic!("{names:?}") };
    assert!(name.starts_with("850_4500000001_msg_") && name.ends_with(".edi"), "{name}");
    let text = String::from_utf8(client.get(&format!("outbound/{name}")).await.unwrap()).unwrap();
    assert!(text.contains("~ST*850*0001~BEG*00*SA*4500000001*"), "{text}");
    assert_eq!(
        verbs(&erp, "purchase_order/4500000001", 2).await,
        ["purchase_order.issued", "purchase_order.delivered"]
    );
    let acknowledgement = canonical::functional_acknowledgement(&text, true).unwrap();
    let bytes =
        Interchange::new(&Party::new("ZZ/BOX"), &Party::new("01/098765432"), 1).with(acknowledgement).to_bytes();
    client.put("inbound/997.edi", &bytes).await.unwrap();
    assert_eq!(verbs(&erp, "purchase_order/4500000001", 3).await[2], "purchase_order.accepted");
    client.close().await;
    gateway.stop().await;
});

gwtest!(files_are_named_as_agreed, async |dir| {
    let (gateway, client) = site(&dir, "names = \"PO-{number}.{interchange}.x12\"").await;
    let erp = gateway.erp();
    post(&erp, "k-1", "box", "4500000001").await;
    assert_eq!(names(&client).await, ["PO-4500000001.000000001.x12"]);
    client.close().await;
    gateway.stop().await;
});
