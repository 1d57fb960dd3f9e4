//! One stream of frames: every read has a bound in bytes and in time.

use iroh::endpoint::{ReadExactError, RecvStream, SendStream};
use tokio::time::timeout;

use super::NetError;
use crate::limits::{FIRST_BYTE_TIME, FRAME_TIME};
use crate::node::wire::{Decoded, HEADER_BYTES, Message, encode_frame, frame_length};

/// A stream to read frames from and, unless it is a push, to write frames to.
pub struct Stream {
    receive: RecvStream,
    send: Option<SendStream>,
    received_bytes: usize,
}

impl Stream {
    pub(super) const fn both(send: SendStream, receive: RecvStream) -> Self {
        Self { receive, send: Some(send), received_bytes: 0 }
    }

    pub(super) const fn only_receive(receive: RecvStream) -> Self {
        Self { receive, send: None, received_bytes: 0 }
    }

    /// Bytes of the frames read so far.
    #[must_use]
    pub const fn received_bytes(&self) -> usize {
        self.received_bytes
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// [`NetError`] when the peer does not take it.
    pub async fn send(&mut self, message: &Message) -> Result<(), NetError> {
        let Some(stream) = &mut self.send else {
            return Err(NetError::Cut);
        };
        let frame = encode_frame(message);
        match timeout(FRAME_TIME, stream.write_all(&frame)).await {
            Ok(written) => written.map_err(|_detail| NetError::Cut),
            Err(_elapsed) => Err(NetError::Timeout),
        }
    }

    /// Says that nothing more will be written.
    pub fn finish(&mut self) {
        if let Some(stream) = &mut self.send {
            // A stream that is closed already is what we want.
            stream.finish().unwrap_or_default();
        }
    }

    /// Reads the next frame of at most `limit` bytes; `None` when the peer came to its orderly end.
    ///
    /// # Errors
    /// [`NetError`] when the stream breaks, stalls, or holds no frame.
    pub async fn receive(&mut self, limit: usize) -> Result<Option<Decoded>, NetError> {
        let mut header = [0; HEADER_BYTES];
        let first = timeout(FIRST_BYTE_TIME, self.receive.read_exact(&mut header)).await;
        match first.map_err(|_elapsed| NetError::Timeout)? {
            Ok(()) => {}
            Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
            Err(_cut) => return Err(NetError::Cut),
        }
        let mut body = vec![0; frame_length(header, limit)?];
        match timeout(FRAME_TIME, self.receive.read_exact(&mut body)).await {
            Ok(read) => read.map_err(|_detail| NetError::Cut)?,
            Err(_elapsed) => return Err(NetError::Timeout),
        }
        self.received_bytes = self.received_bytes.saturating_add(HEADER_BYTES).saturating_add(body.len());
        Ok(Some(Message::decode(&body)?))
    }
}
