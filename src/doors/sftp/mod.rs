//! The SFTP door: partners' drop boxes, which never hand on half a file and never lose a whole one.

mod path;
mod ranges;
mod shelf;
