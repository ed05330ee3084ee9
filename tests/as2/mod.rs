//! AS2 from outside: the core with OpenSSL's command line and captured messages as oracles, the door and the courier of a
//! real gateway, with partners of our own, OpenSSL and pyas2lib as peers. Which section has which test:
//!
//! | RFC 4130 | what it asks | tests |
//! |---|---|---|
//! | §2.4.2 | twelve forms, five receipts | `every_form_and_receipt_both_ways_with_openssl` `every_form_arrives_once_and_every_receipt_proves_it` `every_form_arrives_and_every_receipt_proves_it` `every_form_reaches_the_partner_and_its_receipt_proves_it` `what_pyas2lib_sends_arrives_and_it_believes_our_receipts` `what_we_send_pyas2lib_reads_and_its_receipt_proves_it` `receipts_of_pyas2lib_come_on_their_own` |
//! | §3.7, RFC 5652 | CMS, signed and enveloped | `every_digest_and_scheme_that_openssl_makes_verifies` `everything_that_we_sign_openssl_verifies` `every_cipher_and_transport_that_openssl_makes_is_read` `everything_that_we_encrypt_openssl_reads` `every_captured_message_decrypts_verifies_and_has_its_mic` |
//! | §4.2 | MIME around it all | `signed_encrypted_and_both_arrive` `other_algorithms_arrive` `ecdsa_partners_arrive` `every_quirk_arrives` `each_setting_shows_on_the_wire_and_openssl_reads_it` |
//! | §5.2.1 | transfer encodings | `a_body_is_read_whatever_the_transfer_encoding_says` |
//! | §5.3.1 | Content-Length, chunks | `a_body_comes_with_its_length_or_in_chunks_of_any_size` `a_body_that_ends_early_leaves_nothing` `whoever_waits_to_be_told_is_told_to_go_on` `what_will_be_refused_is_refused_before_its_body_comes` |
//! | §5.3.3 | Message-ID, as it came | `a_message_id_that_is_none_is_an_error_and_is_repeated` `brackets_are_no_difference_and_refusals_are_passed_on` `ids_are_unique_and_long` |
//! | §5.4, §5.5 | statuses, recovery | `what_may_go_better_is_tried_again_under_the_same_id` `a_server_that_is_down_gets_it_later_under_the_same_id` `another_attempt_sends_the_very_same_from_whichever_node` `another_folder_with_the_same_ledger_keeps_every_promise` `what_is_no_message_is_answered_like_any_http_server_would` |
//! | §6.1 | AS2-Version | `what_is_on_the_wire_is_what_the_partner_file_says` |
//! | §6.2 | AS2-From, AS2-To | `what_must_not_come_in_is_refused_and_leaves_nothing` `a_partner_comes_from_its_networks_only_and_a_balancer_is_believed` `who_the_proxy_header_names_is_who_it_comes_from` |
//! | §7.2 | receipts at once and later | `a_receipt_on_its_own_completes_the_delivery_after_a_crash_too` `a_receipt_on_its_way_survives_a_crash_and_a_server_that_is_down` `kill_9_loses_no_receipt_that_goes_on_its_own` `a_receipt_on_its_own_needs_a_place_to_come_to` `nothing_that_anybody_says_makes_us_call_them` |
//! | §7.3 | signed receipts | `the_partners_signature_and_the_mic_prove_it` `openssl_verifies_our_receipts` `what_proves_nothing_is_told` `an_unsigned_receipt_does_where_that_was_asked` `a_receipt_of_somebody_else_proves_nothing` `a_receipt_for_nothing_changes_nothing` |
//! | §7.3.1 | the MIC | `a_plain_message_is_digested_without_headers_by_the_first_listed` `an_encrypted_message_is_digested_with_the_headers_inside` `a_signed_message_is_digested_as_it_was_signed_whatever_is_listed` `the_senders_spelling_is_kept` `a_sha_1_mic_is_signed_with_sha_256` `either_reading_of_the_rules_is_accepted` |
//! | §7.5 | dispositions | `what_is_required_of_the_receipt_and_cannot_be_done_is_a_failure` `a_downgrade_is_refused` `a_digest_below_the_floor_is_refused` `what_openssl_makes_below_the_agreement_is_refused` `what_the_partner_cannot_read_it_says_so` |
//! | §8 | certificates | `a_certificate_is_read_as_openssl_reads_it` `a_certificate_renewed_over_the_same_key_verifies` `a_certificate_outside_its_period_is_told_unless_that_is_allowed` `our_key_changes_without_an_outage` |
//! | §9.1, §9.2 | attackers, TLS | `a_signer_whose_certificate_comes_only_with_the_message_is_nobody` `a_changed_body_is_told` `a_changed_tag_nonce_or_content_of_gcm_is_told` `a_bad_padding_is_told_like_a_bad_key` `appended_blocks_tell_nothing` `we_show_the_certificate_that_the_partners_file_names` `a_partner_shows_the_certificate_that_its_file_names` |
//! | §9.3 | repetitions | see the draft |
//!
//! | draft-ietf-ediint-rfc4130bis | tests |
//! |---|---|
//! | repetitions and crashes | `a_repetition_gets_the_same_receipt_and_another_question_another_one` `fifty_copies_at_once_are_one_event_and_one_receipt` `fifty_copies_at_once_under_ids_of_their_own_are_one_event` `a_first_attempt_that_failed_does_not_block_a_good_second_one` `kill_9_on_either_side_of_the_commit_is_one_event_and_a_receipt_for_the_retry` `killed_before_the_commit_nothing_is_there_and_the_retry_is_the_first` `killed_after_the_commit_the_receipt_is_there_and_the_retry_gets_it` |
//! | algorithms that must not be made | `weak_algorithms_are_never_sent` `nothing_is_encrypted_weakly` |
//! | algorithms that may be taken for a while | `triple_des_is_read_only_where_weak_algorithms_are_allowed` `floors_hold` |
//! | lists of digests | `where_only_unknown_digests_are_listed_nothing_unlisted_is_used` |
//! | later, not never | `suspended_partners_are_told_to_come_later` `too_many_at_once_are_put_off` `requests_are_counted_over_all_sources_and_across_a_reload` `bytes_of_an_hour_are_counted` `bodies_on_their_way_are_counted_by_source` `documents_over_the_days_are_taken_all_the_same` `many_who_dawdle_are_in_nobodys_way_and_are_cut` |
//! | bodies of any size | `every_form_is_the_same_from_files` `what_openssl_streams_is_read_as_a_stream` `every_form_is_sent_from_files_as_from_memory` `a_hundred_megabytes_are_sent_with_bounded_memory` |
//!
//! | beside them | tests |
//! |---|---|
//! | RFC 3274, RFC 5402: compression | `section_4_3_a_compressed_message_is_digested_inflated_with_its_headers` `section_4_1_what_was_compressed_before_it_was_signed_is_digested_compressed` `one_compression_is_allowed_and_no_more` `before_the_sender_is_known_less_may_be_inflated` `a_bomb_stops_at_the_cap` `fifty_layers_are_not_opened` |
//! | RFC 9112 §5.2: folded header fields | `folded_fields_are_read_on_a_kept_connection` `a_fold_near_the_framing_is_refused` |
//! | RFC 6362: several documents | `each_arrives_with_its_name` `every_attachment_is_a_document_and_a_repetition_none` `a_multipart_that_goes_too_deep_or_has_too_many_is_refused` |

mod by_openssl;
mod commands;
mod corpus;
mod courier;
mod door;
mod folded;
mod hostile;
mod large;
mod limits;
mod matrix;
mod openssl;
mod outward;
mod parties;
mod pyas2;
mod quirks;
mod refusals;
mod rfc4130;
mod rfc5402;
mod sending;
mod site;
mod survival;
mod transport;
mod wire;

#[test]
fn every_test_that_the_table_names_is_there() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/as2");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let rust = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let (table, tests): (Vec<_>, Vec<_>) = rust.partition(|path| path.ends_with("mod.rs"));
    let tests: String = tests.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let table = std::fs::read_to_string(&table[0]).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("//! |"));
    let names: Vec<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 80, "{}", names.len());
    for name in names {
        let is_there = tests.contains(&format!("fn {name}()")) || tests.contains(&format!("gwtest!({name},"));
        assert!(is_there, "{name}");
    }
}
