//! How long sound is, as far as its own bytes tell. Who sends it has written them, and may be charged by them: it is never
//! shorter than so many bytes take at the most of a second that its format has.

/// The bytes of a second of speech as it is usually compressed at the least (32 kbit/s): an estimate by them errs upwards.
const BYTES_PER_SECOND: u64 = 4_000;
/// As much of its beginning as tells how long sound is, where nobody has put pictures in front.
const HEAD: usize = 4096;

/// Sound that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Sound {
    head: Vec<u8>,
    length: u64,
}

impl Sound {
    /// Takes in the next piece.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        let wanted = piece.len().min(HEAD - self.head.len());
        self.head.extend(piece.iter().take(wanted));
        self.length += piece.len() as u64;
    }

    /// The seconds so far, where its beginning tells; one that has begun counts.
    pub(crate) fn seconds(&self) -> Option<u64> {
        told(&self.head, self.length)
    }
}

/// The seconds of a recording; one that has begun counts. Of what does not tell, an estimate.
pub(crate) fn seconds(sound: &[u8]) -> u64 {
    let length = sound.len() as u64;
    told(sound, length).unwrap_or_else(|| length.div_ceil(BYTES_PER_SECOND))
}

/// The seconds of so many bytes of sound that begin so.
fn told(sound: &[u8], all: u64) -> Option<u64> {
    wav(sound, all).or_else(|| flac(sound, all)).or_else(|| mp3(sound, all))
}

/// Microsoft's RIFF: pieces with a name and a length, of which one tells the bytes of a second.
fn wav(sound: &[u8], all: u64) -> Option<u64> {
    let (head, mut rest) = sound.split_first_chunk::<12>()?;
    if !(head.starts_with(b"RIFF") && head.ends_with(b"WAVE")) {
        return None;
    }
    let mut rate = None;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, content) = after.split_first_chunk::<4>()?;
        match name {
            b"fmt " => rate = rate.into_iter().chain(wav_rate(content.first_chunk()?)).min(),
            // All that is behind is sound: a recording that was written as it came does not know its length, and more pieces
            // of sound may follow.
            b"data" => {
                let before = (sound.len() - content.len()) as u64;
                return Some(all.saturating_sub(before).div_ceil(rate?));
            }
            _ => {}
        }
        // Pieces begin at even places.
        let length = u32::from_le_bytes(*length) as usize;
        rest = content.get(length + length % 2..)?;
    }
}

/// The kinds of WAV whose samples stand there as they are, by their number.
const PLAIN_KINDS: [u64; 5] = [1, 3, 6, 7, 0xfffe];
/// The most bytes of a second of plain samples (192,000 of four bytes in eight channels), and of packed ones (320 kbit/s).
const MOST_PLAIN: u64 = 192_000 * 4 * 8;
const MOST_PACKED: u64 = 40_000;

/// The bytes of a second. It is told three times over, and not everybody reads the same: the fewest count.
fn wav_rate(format: &[u8; 16]) -> Option<u64> {
    let [k, l, c, d, rate @ .., block, block_high, bits, bits_high] = *format;
    let two = |low, high| u64::from(u16::from_le_bytes([low, high]));
    let [samples, bytes] = [0, 4].map(|at| {
        rate.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u64::from(u32::from_le_bytes(*four)))
    });
    let most = if PLAIN_KINDS.contains(&two(k, l)) { MOST_PLAIN } else { MOST_PACKED };
    let (block, bits) = (samples * two(block, block_high), samples * two(c, d) * two(bits, bits_high) / 8);
    [bytes, block, bits].into_iter().filter(|rate| *rate > 0).min().map(|rate| rate.min(most))
}

/// The most bytes of a second of FLAC that are believed: two channels of 96,000 samples of three bytes.
const MOST_FLAC: u64 = 2 * 96_000 * 3;

/// FLAC (RFC 9639, section 8.2): the first block tells the samples of a second and those of the whole.
fn flac(sound: &[u8], all: u64) -> Option<u64> {
    let numbers: &[u8; 8] = sound.strip_prefix(b"fLaC")?.get(14..22)?.first_chunk()?;
    let numbers = u64::from_be_bytes(*numbers);
    let (rate, samples) = (numbers >> 44, numbers & 0xf_ffff_ffff);
    let (channels, bits) = ((numbers >> 41 & 0b111) + 1, (numbers >> 36 & 0b1_1111) + 1);
    // A second has no more bytes than unpacked.
    let most = (rate * channels * bits).div_ceil(8).min(MOST_FLAC);
    (rate > 0 && samples > 0).then(|| samples.div_ceil(rate).max(all.div_ceil(most)))
}

/// Kilobits a second of MPEG's third layer (ISO 11172-3 and 13818-3) by their number, of version 1 and of the later ones.
const BIT_RATES: [[u64; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// The samples of a second by their number, in version 1; half as many in version 2, a quarter in 2.5.
const SAMPLE_RATES: [u64; 3] = [44_100, 48_000, 32_000];

/// MPEG's third layer: pieces of a fixed number of samples. The first tells the bits of a second, or in a table of its own
/// how many pieces there are.
fn mp3(sound: &[u8], all: u64) -> Option<u64> {
    let tag = tag(sound);
    let first = sound.get(tag..)?;
    let [0xff, second, third, _] = *first.first_chunk::<4>()? else { return None };
    // All but the last of a piece's mark, the version, and that it is the third layer.
    let (is_one, halvings) = match second & 0b1111_1110 {
        0b1111_1010 => (true, 0),
        0b1111_0010 => (false, 1),
        0b1110_0010 => (false, 2),
        _ => return None,
    };
    let rates = BIT_RATES.get(usize::from(!is_one))?;
    let rate = rates.get(usize::from(third >> 4)).copied().filter(|rate| *rate > 0)?;
    let samples = SAMPLE_RATES.get(usize::from(third >> 2 & 0b11))? >> halvings;
    let at = |rate: u64| ((all - tag as u64) * 8).div_ceil(rate * 1_000);
    let most = rates.last().copied().unwrap_or(rate);
    Some(match pieces(first) {
        Some(pieces) => (pieces * if is_one { 1_152 } else { 576 }).div_ceil(samples).max(at(most)),
        None => at(rate),
    })
}

/// How long what stands in front of the sound is (`ID3v2`).
fn tag(sound: &[u8]) -> usize {
    let Some([b'I', b'D', b'3', _, _, _, length @ ..]) = sound.first_chunk::<10>() else { return 0 };
    length.iter().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f)) + 10
}

/// The number of pieces, by the table that the first may hold.
fn pieces(first: &[u8]) -> Option<u64> {
    let near = first.get(..192)?;
    let place = ["Xing", "Info"].iter().find_map(|name| memchr::memmem::find(near, name.as_bytes()))?;
    let [.., flags, a, b, c, d] = *near.get(place + 4..)?.first_chunk::<8>()?;
    (flags & 1 == 1).then_some(u32::from_be_bytes([a, b, c, d]).into())
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
        assert_eq!(seconds(&silence()), 2);
        let mut endless = silence();
        let place = endless.len() - 24_004;
        endless[place..place + 4].fill(0xff);
        assert_eq!(seconds(&endless), 2);
        let mut flac = b"fLaC\x80\0\0\x22".to_vec();
        flac.extend([0; 10]);
        flac.extend(((44_100_u64 << 44) | (1 << 41) | (15 << 36) | (44_100 * 90 + 1)).to_be_bytes());
        flac.extend([0; 16]);
        assert_eq!(seconds(&flac), 91);
    }

    #[test]
    fn mpeg_s_pieces_tell_how_long_they_are() {
        // 128 kbit/s are 16,000 bytes; version 2 has other numbers.
        let mut sound = b"\xff\xfb\x90\xc0".to_vec();
        sound.resize(40_000, 0);
        assert_eq!(seconds(&sound), 3);
        let tagged = [&b"ID3\x04\0\0\0\0\x01\x02"[..], &[7; 130], &sound].concat();
        assert_eq!(seconds(&tagged), 3);
        sound[1] = 0xf3;
        assert_eq!(seconds(&sound), 4);
        // A thousand pieces of 576 samples at 24,000 a second, however many bytes they are.
        sound[2] = 0x94;
        sound[20..32].copy_from_slice(b"Xing\0\0\0\x01\0\0\x03\xe8");
        assert_eq!(seconds(&sound), 24);
        sound[1] = 0xf5;
        assert_eq!(seconds(&sound), 10);
    }

    #[test]
    fn sound_in_pieces_tells_what_it_does_as_a_whole() {
        for sound in [silence(), [b"\xff\xfb\x90\xc0".to_vec(), vec![0; 40_000]].concat(), vec![1; 9_000]] {
            for size in [1, 7, 5_000, 50_000] {
                let mut come = Sound::default();
                sound.chunks(size).for_each(|piece| come.add(piece));
                assert_eq!(come.seconds(), told(&sound, sound.len() as u64), "{size}");
            }
        }
    }

    #[test]
    fn what_tells_nothing_is_as_long_as_its_bytes_may_last() {
        assert_eq!((seconds(b""), seconds(b"a"), seconds(&[0; 8_001])), (0, 1, 3));
        for end in 0..60 {
            assert!(seconds(&silence()[..end]) <= 1, "{end}");
        }
    }
}
