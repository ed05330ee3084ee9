//! The SFTP door with real clients: OpenSSH's `sftp`, and one of our own that does what no decent client does.

mod clients;
mod hostile;
mod killed;
mod logins;
mod peers;
mod push;
mod raw;
mod site;
mod sshd;
mod whole;
