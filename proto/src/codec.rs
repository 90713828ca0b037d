//! The codec of the generated services: prost, over plain slices.
//!
//! tonic's buffers are asked for room, and move on, at every field. With messages of many small fields, such as a page of addresses,
//! that costs more than what is written. Here a message is written into memory of its own size, and read from one slice.

use prost::Message;
use prost::bytes::{Buf, BufMut};
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Encodes `T` and decodes `U`.
#[derive(Debug)]
pub struct SliceCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for SliceCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SliceCodec<T, U>
where
    T: Message + 'static,
    U: Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ToSlice<T>;
    type Decoder = FromSlice<U>;

    fn encoder(&mut self) -> ToSlice<T> {
        ToSlice(PhantomData)
    }

    fn decoder(&mut self) -> FromSlice<U> {
        FromSlice(PhantomData)
    }
}

/// The encoder.
#[derive(Debug)]
pub struct ToSlice<T>(PhantomData<T>);

impl<T: Message> Encoder for ToSlice<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let bytes = item.encode_to_vec();
        buffer.reserve(bytes.len());
        buffer.put_slice(&bytes);
        Ok(())
    }
}

/// The decoder.
#[derive(Debug)]
pub struct FromSlice<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for FromSlice<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let whole = buffer.chunk();
        let decoded = if whole.len() == buffer.remaining() {
            let decoded = U::decode(whole);
            buffer.advance(buffer.remaining());
            decoded
        } else {
            U::decode(buffer)
        };
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
