//! AES-128-CBC with PKCS#7 and base64 around it: what WeChat does on the phone, and its reverse.

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, NewBlockCipher};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The bytes of a session_key, of an iv, and of one AES block.
pub(crate) type Block = [u8; 16];

/// What the page gets from the phone; both in standard base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// `None` where the key (base64) does not open the data, as far as the padding shows.
pub(crate) fn decrypt(session_key: &str, data: &EncryptedData) -> Option<Vec<u8>> {
    let key: Block = STANDARD.decode(session_key).ok()?.try_into().ok()?;
    let iv: Block = STANDARD.decode(&data.iv).ok()?.try_into().ok()?;
    let mut bytes = STANDARD.decode(&data.encrypted_data).ok()?;
    let (blocks, rest) = bytes.as_chunks_mut();
    if !rest.is_empty() {
        return None;
    }
    unchain(&key, &iv, blocks);
    let padding = usize::from(*bytes.last()?);
    let length = bytes.len().checked_sub(padding)?;
    let is_padding = (1..=16).contains(&padding)
        && bytes.iter().skip(length).all(|byte| usize::from(*byte) == padding);
    bytes.truncate(length);
    is_padding.then_some(bytes)
}

/// What a key (base64) is called where it must not be shown: the first 16 hex digits of the
/// SHA-256 of its bytes, as wxauth's database has it.
pub(crate) fn fingerprint(session_key: &str) -> String {
    let bytes = STANDARD.decode(session_key).unwrap_or_default();
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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

fn unchain(key: &Block, iv: &Block, blocks: &mut [Block]) {
    let cipher = Aes128::new(key.into());
    let mut previous = *iv;
    for block in blocks {
        let encrypted = *block;
        cipher.decrypt_block(block.into());
        for (byte, before) in block.iter_mut().zip(previous) {
            *byte ^= before;
        }
        previous = encrypted;
    }
}

fn block(base64: &str) -> Block {
    let bytes = STANDARD.decode(base64).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .expect("a session_key and an iv are base64 of 16 bytes")
}
