//! AES-128-CBC with PKCS#7 and base64 around it: what WeChat does on the phone.

use aes::Aes128;
use aes::cipher::{BlockEncrypt, NewBlockCipher};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The bytes of a session_key, of an iv, and of one AES block.
pub(crate) type Block = [u8; 16];

/// What the page gets from the phone; both in standard base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptedData {
    pub encrypted_data: String,
    pub iv: String,
}

/// Encrypts any bytes under a session_key (base64) with a random iv.
///
/// # Panics
/// If the key is not base64 of 16 bytes.
pub fn encrypt(session_key: &str, plaintext: &[u8]) -> EncryptedData {
    encrypt_under(&block(session_key), &random_block(), plaintext)
}

/// Encrypts with an iv of the caller's (base64), to check a published sample.
///
/// # Panics
/// If key or iv is not base64 of 16 bytes.
pub fn encrypt_with_iv(session_key: &str, iv: &str, plaintext: &[u8]) -> EncryptedData {
    encrypt_under(&block(session_key), &block(iv), plaintext)
}

pub(crate) fn encrypt_under(key: &Block, iv: &Block, plaintext: &[u8]) -> EncryptedData {
    EncryptedData {
        encrypted_data: STANDARD.encode(cbc(key, iv, plaintext)),
        iv: STANDARD.encode(iv),
    }
}

pub(crate) fn random_block() -> Block {
    fastrand::u128(..).to_ne_bytes()
}

/// The chaining is written out over the bare block cipher, because the server
/// opens the data with block-modes: a second implementation finds a mistake
/// that two users of one library would share.
fn cbc(key: &Block, iv: &Block, plaintext: &[u8]) -> Vec<u8> {
    let cipher = Aes128::new(key.into());
    // PKCS#7 always pads, by 1 to 16 bytes that each say how many they are.
    let padding = 16 - plaintext.len() % 16;
    let mut data = plaintext.to_vec();
    data.resize(plaintext.len() + padding, padding as u8);

    let mut previous = *iv;
    let (blocks, _) = data.as_chunks_mut();
    for block in blocks {
        for (byte, before) in block.iter_mut().zip(previous) {
            *byte ^= before;
        }
        cipher.encrypt_block(block.into());
        previous = *block;
    }
    data
}

fn block(base64: &str) -> Block {
    let bytes = STANDARD.decode(base64).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .expect("a session_key and an iv are base64 of 16 bytes")
}
