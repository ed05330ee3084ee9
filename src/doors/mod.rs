//! The ways in: each ends one protocol, and holds its own way to say that an arrival was taken.

pub mod as2;
pub mod cxml;
pub mod rest;
pub mod sftp;
pub mod webhook;
