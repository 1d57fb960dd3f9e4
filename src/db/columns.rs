//! How domain values stand in columns, and the small numbers that stand for rows inside the store.

use minicbor::{Decode, Encode};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId, RecipientTag};
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;

macro_rules! id_column {
    ($($id:ty),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 32]>::column_result(value).map(Self::from_bytes)
            }
        }
    )*};
}

id_column!(NetworkId, PostingId, ObjectId, BlobHash, RecipientTag);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_millis()))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_millis)
    }
}

impl ToSql for Seq {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = i64::try_from(self.get())
            .map_err(|too_large| rusqlite::Error::ToSqlConversionFailure(Box::new(too_large)))?;
        Ok(ToSqlOutput::from(number))
    }
}

impl FromSql for Seq {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).ok().and_then(Self::new).ok_or(FromSqlError::OutOfRange(number))
    }
}

macro_rules! row_key {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub(super) i64);

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.0))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    )*};
}

row_key! {
    /// The row of a posting id in this store.
    Author;
    /// The row of a signed object in this store.
    ObjectKey;
    /// The row of another node in this store.
    Peer;
    /// The row of a blob in this store.
    Blob;
}
