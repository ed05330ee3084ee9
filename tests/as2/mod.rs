//! The AS2 core from outside: OpenSSL's command line and captured messages as oracles, laid out by RFC section.

mod corpus;
mod hostile;
mod large;
mod openssl;
mod parties;
mod rfc4130;
mod rfc5402;
mod sending;
