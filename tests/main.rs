//! All integration tests, in one binary.

mod mapping_corpus;
