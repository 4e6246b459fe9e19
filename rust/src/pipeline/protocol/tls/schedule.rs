//! The key schedules: secrets in, keys out. HKDF-Expand-Label of TLS 1.3 (RFC 8446 §7.1) and the pseudo-random function
//! of TLS 1.2 (RFC 5246 §5).

use ring::hmac;
use zeroize::Zeroize;

use super::suite::Hash;

/// The longest output of a hash function here.
const MAX_HASH: usize = 48;

fn key(hash: Hash, secret: &[u8]) -> hmac::Key {
    hmac::Key::new(if hash == Hash::Sha384 { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }, secret)
}

/// Fills `output` with HKDF-Expand-Label(secret, label, "", length). `output` is at most as long as the hash, so the
/// first block of HKDF-Expand (RFC 5869 §2.3) is enough. `label` is shorter than 249 bytes.
pub fn expand_label(hash: Hash, secret: &[u8], label: &str, output: &mut [u8]) {
    const PREFIX: &[u8] = b"tls13 ";
    let mut context = hmac::Context::with_key(&key(hash, secret));
    context.update(&(output.len() as u16).to_be_bytes());
    context.update(&[(PREFIX.len() + label.len()) as u8]);
    context.update(PREFIX);
    context.update(label.as_bytes());
    // An empty context, and the number of the block.
    context.update(&[0, 1]);
    take(context.sign().as_ref(), output);
}

/// Copies the first bytes of `from`, and wipes the copy on the stack.
fn take(from: &[u8], output: &mut [u8]) {
    let mut block = [0; MAX_HASH];
    block[..from.len()].copy_from_slice(from);
    let count = output.len().min(from.len());
    output[..count].copy_from_slice(&block[..count]);
    block.zeroize();
}

/// Fills `output` with PRF(secret, label, seed), where the seed is in two parts.
pub fn prf(hash: Hash, secret: &[u8], label: &str, seed: [&[u8]; 2], output: &mut [u8]) {
    let key = key(hash, secret);
    let sign = |parts: [&[u8]; 4]| {
        let mut context = hmac::Context::with_key(&key);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    };
    // A(1) = HMAC(secret, seed); A(i) = HMAC(secret, A(i-1)).
    let mut a = sign([label.as_bytes(), seed[0], seed[1], b""]);
    for block in output.chunks_mut(a.as_ref().len()) {
        take(sign([a.as_ref(), label.as_bytes(), seed[0], seed[1]]).as_ref(), block);
        a = sign([a.as_ref(), b"", b"", b""]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn labels_expand_as_in_the_traces_of_rfc_8448() {
        // RFC 8448 §3: the server's handshake traffic secret, and the key and nonce that follow from it.
        let secret = bytes("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let mut key = [0; 16];
        expand_label(Hash::Sha256, &secret, "key", &mut key);
        assert_eq!(key[..], bytes("3fce516009c21727d0f2e4e86ee403bc"));
        let mut iv = [0; 12];
        expand_label(Hash::Sha256, &secret, "iv", &mut iv);
        assert_eq!(iv[..], bytes("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn the_function_of_tls_1_2_gives_the_published_output() {
        // Test vector of the IETF's TLS working group for P_SHA256.
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
        let mut output = [0; 100];
        prf(Hash::Sha256, &secret, "test label", [&seed[..7], &seed[7..]], &mut output);
        let want = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
            0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(output[..], bytes(want));
    }
}
