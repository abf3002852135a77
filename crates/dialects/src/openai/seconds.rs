//! How long a recording is, as far as its own bytes tell.

/// The bytes of a second of speech as it is usually compressed at the least (32 kbit/s): an estimate by them errs upwards.
const BYTES_PER_SECOND: u64 = 4_000;

/// The seconds of a recording; one that has begun counts. Of what is neither WAV nor FLAC, an estimate.
pub(super) fn of(sound: &[u8]) -> u64 {
    let known = wav(sound).or_else(|| flac(sound));
    known.unwrap_or_else(|| (sound.len() as u64).div_ceil(BYTES_PER_SECOND))
}

/// Microsoft's RIFF: pieces with a name and a length, of which one tells the bytes of a second.
fn wav(sound: &[u8]) -> Option<u64> {
    let (head, mut rest) = sound.split_first_chunk::<12>()?;
    if !(head.starts_with(b"RIFF") && head.ends_with(b"WAVE")) {
        return None;
    }
    let mut rate = None;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, content) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        match name {
            b"fmt " => rate = content.get(8..12)?.first_chunk().map(|rate| u32::from_le_bytes(*rate)),
            // A recording that was written as it came does not know its length.
            b"data" => {
                let length = length.min(content.len()) as u64;
                return rate.filter(|rate| *rate > 0).map(|rate| length.div_ceil(u64::from(rate)));
            }
            _ => {}
        }
        // Pieces begin at even places.
        rest = content.get(length + length % 2..)?;
    }
}

/// FLAC (RFC 9639, section 8.2): the first block tells the samples of a second and those of the whole.
fn flac(sound: &[u8]) -> Option<u64> {
    let numbers: &[u8; 8] = sound.strip_prefix(b"fLaC")?.get(14..22)?.first_chunk()?;
    let numbers = u64::from_be_bytes(*numbers);
    let (rate, samples) = (numbers >> 44, numbers & 0xf_ffff_ffff);
    (rate > 0 && samples > 0).then(|| samples.div_ceil(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second and a half of silence.
    fn silence() -> Vec<u8> {
        let mut wav = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(8_000_u32.to_le_bytes());
        wav.extend(16_000_u32.to_le_bytes());
        wav.extend([2, 0, 16, 0]);
        wav.extend(b"data");
        wav.extend(24_000_u32.to_le_bytes());
        wav.resize(wav.len() + 24_000, 0);
        wav
    }

    #[test]
    fn a_recording_tells_how_long_it_is() {
        assert_eq!(of(&silence()), 2);
        let mut endless = silence();
        let place = endless.len() - 24_004;
        endless[place..place + 4].fill(0xff);
        assert_eq!(of(&endless), 2);
        let mut flac = b"fLaC\x80\0\0\x22".to_vec();
        flac.extend([0; 10]);
        flac.extend(((44_100_u64 << 44) | (1 << 41) | (15 << 36) | (44_100 * 90 + 1)).to_be_bytes());
        flac.extend([0; 16]);
        assert_eq!(of(&flac), 91);
    }

    #[test]
    fn what_tells_nothing_is_as_long_as_its_bytes_may_last() {
        assert_eq!((of(b""), of(b"a"), of(&[0; 8_001])), (0, 1, 3));
        for end in 0..60 {
            assert!(of(&silence()[..end]) <= 1, "{end}");
        }
    }
}
