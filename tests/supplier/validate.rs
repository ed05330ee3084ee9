//! Trying a body out: everything that is wrong with it, and no effect.

use serde_json::{Value, json};

use super::{acknowledgement, open};
use crate::util::{cast::*, drain, gwtest, status};

gwtest!(a_body_is_tried_without_any_effect, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let tried = async |query: &str, body: Vec<u8>| -> Value {
        let path = format!("/v1/validate{query}");
        status(acme.client().send(http::Method::POST, &path, &[], body).await.unwrap(), 200).json()
    };
    let good = tried("", answer_to(ACME, 7, "45")).await;
    assert_eq!((&good["accepted"], &good["format"]), (&json!(true), &json!("x12")));
    assert_eq!(good["documents"][0]["type"], "order_acknowledgement");
    assert!(good["acknowledgements"][0].as_str().unwrap().contains("AK9*A*1*1*1"), "{good}");
    let text = String::from_utf8(answer_to(ACME, 7, "45")).unwrap().replace("BAK*00*AC*", "BAK*00**");
    let bad = tried("", text.into_bytes()).await;
    assert_eq!((&bad["accepted"], &bad["documents"][0]["state"]), (&json!(false), &json!("rejected")), "{bad}");
    assert_eq!(bad["errors"][0]["severity"], "error");
    assert_eq!((&bad["errors"][0]["tag"], &bad["errors"][0]["element"]), (&json!("BAK"), &json!(2)));
    let json = tried("?type=order_acknowledgement", acknowledgement("45", "S").to_string().into_bytes()).await;
    assert_eq!((&json["accepted"], &json["documents"][0]["number"]), (&json!(true), &json!("45")));
    let wrong = tried("?type=invoice", acknowledgement("45", "S").to_string().into_bytes()).await;
    assert_eq!(wrong["accepted"], false);
    assert!(wrong["errors"][0]["pointer"].is_string(), "{wrong}");
    drain(&erp, "erp", 0).await;
    gateway.stop().await;
});
