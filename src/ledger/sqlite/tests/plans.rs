//! What hot questions cost: each follows an index, none reads a table through, however long the log is.

use super::{
    super::{consumers, deliveries, outgoing, queue, standing},
    behind, open,
};

#[tokio::test]
async fn no_hot_question_reads_a_table_through() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().await.unwrap();
    let conn = behind(folder.path());
    let (partner, due) = (deliveries::partner_sql(), deliveries::due_sql());
    let questions = [
        ("pending_turn", queue::OVERDUE),
        ("pending_turn", queue::READY),
        ("pending_key", queue::NEXT_OF_KEY),
        ("pending_key", queue::PROMOTE),
        ("pending_parked", standing::PARKED_COUNT),
        ("INTEGER PRIMARY KEY", consumers::RUNS),
        ("releases_seq", standing::PLACE),
        ("deliveries_pushed", &partner),
        ("deliveries_pushed", &due),
        ("deliveries_untold", deliveries::UNTOLD),
        ("owed_partner", outgoing::OWING),
        ("owed_partner", outgoing::OWED),
        ("owed_partner", outgoing::OWED_OF),
        ("watches_due", deliveries::DUE_WATCHES),
    ];
    for (index, sql) in questions {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = explain.parameter_count();
        let plan: Vec<String> = explain
            .query_map(rusqlite::params_from_iter(vec![1i64; count]), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}: {plan}");
    }
}
