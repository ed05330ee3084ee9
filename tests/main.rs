//! t

mod x12_corpus;
