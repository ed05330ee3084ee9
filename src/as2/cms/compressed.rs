//! CompressedData (RFC 3274): zlib, inflated up to a cap.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

use super::{
    super::{
        ber::{Elements, Place, Stream, tag},
        content::{Content, PIECE, Scratch},
        fault::Fault,
        oid,
    },
    SMALL,
    parameters::Algorithm,
    small_oid,
};

/// CompressedData.
#[derive(Debug)]
pub struct Compressed {
    algorithm: Vec<u8>,
    content: Place,
}

impl Compressed {
    pub(super) fn read(stream: &mut Stream) -> Result<Self, Fault> {
        stream.enter(tag::SEQUENCE)?;
        stream.expect(tag::INTEGER, 16)?;
        let algorithm = stream.expect(tag::SEQUENCE, SMALL)?;
        stream.enter(tag::SEQUENCE)?;
        small_oid(stream)?;
        stream.enter(tag::context(0))?;
        let content = stream.place(tag::OCTETS)?;
        stream.leave()?;
        stream.leave()?;
        stream.leave()?;
        Ok(Self { algorithm, content })
    }

    /// Inflates it, up to `most` bytes.
    pub fn inflate(&self, most: u64, scratch: &dyn Scratch) -> Result<Content, Fault> {
        let algorithm = Elements::only(&self.algorithm, tag::SEQUENCE)?;
        let algorithm = Algorithm::read(&algorithm)?;
        if algorithm.id != oid::ZLIB {
            return Err(Fault::Unsupported(format!("the compression {}", oid::dotted(algorithm.id))));
        }
        let mut sink = scratch.begin(self.content.size().saturating_mul(4).min(most)).map_err(Fault::Storage)?;
        let mut source = ZlibDecoder::new(self.content.read()?);
        let mut buffer = vec![0; PIECE];
        let mut size = 0;
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    return Err(match error.kind() {
                        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                            Fault::Decompression("it is damaged")
                        }
                        io::ErrorKind::UnexpectedEof => Fault::Decompression("it breaks off"),
                        _ => Fault::Storage(error),
                    });
                }
            };
            size += count as u64;
            if size > most {
                return Err(Fault::Inflation(most));
            }
            sink.write_all(buffer.get(..count).unwrap_or_default()).map_err(Fault::Storage)?;
        }
        sink.finish().map_err(Fault::Storage)
    }
}
