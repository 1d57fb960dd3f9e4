//! Thirty pictures with everything that cameras, programs and people leave in them. None of it leaves.

use super::*;

/// What must be found nowhere in a cleaned file.
const SECRETS: [&[u8]; 9] = [
    b"GPS-52.5163N-13.3777E",
    b"MAKERNOTE-serial-0815",
    b"XMP-creator-Ana",
    b"COMMENT-for-ben",
    b"ICC-screen-of-ana",
    b"THUMBNAIL-before-cropping",
    b"IPTC-byline-Ana",
    b"TRAILING-second-picture",
    b"UNKNOWN-part",
];

/// A TIFF block as a camera writes it: how the picture is turned, a place, and what only the maker can read.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x03\0".to_vec();
    block.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    block.extend([0x25, 0x88, 4, 0, 1, 0, 0, 0, 60, 0, 0, 0]);
    block.extend([0x7c, 0x92, 7, 0, 21, 0, 0, 0, 90, 0, 0, 0]);
    block.extend([0, 0, 0, 0]);
    block.extend(SECRETS[0]);
    block.extend(SECRETS[1]);
    block.extend(SECRETS[5]);
    block
}

fn segment(marker: u8, inside: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inside.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), inside].concat()
}

/// The parts of a JPEG that are the picture; the coded data holds bytes that look like markers.
fn jpeg_picture(is_progressive: bool) -> Vec<u8> {
    let frame = if is_progressive { 0xc2 } else { 0xc0 };
    let mut picture = segment(0xdb, &[1; 65]);
    picture.extend(segment(frame, &[8, 0, 16, 0, 16, 1, 1, 0x11, 0]));
    picture.extend(segment(0xc4, &[0; 20]));
    picture.extend(segment(0xdd, &[0, 4]));
    for scan in 0..if is_progressive { 3 } else { 1 } {
        picture.extend(segment(0xda, &[1, 1, 0, scan, 63, 0]));
        picture.extend([0x12, 0xff, 0, 0x34, 0xff, 0xd0, 0x56, 0xff, 0xd7, 0x78, scan]);
        if is_progressive {
            picture.extend(segment(0xc4, &[scan; 18]));
        }
    }
    picture
}

fn jpeg(orientation: u8, is_progressive: bool, is_adobe: bool) -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    let preview = [b"JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01".as_slice(), SECRETS[5]].concat();
    file.extend(segment(0xe0, &preview));
    file.extend(segment(0xe1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat()));
    file.extend(segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0".as_slice(), SECRETS[2]].concat()));
    file.extend(segment(0xe2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), SECRETS[4]].concat()));
    file.extend(segment(0xe2, &[b"MPF\0".as_slice(), SECRETS[8]].concat()));
    file.extend(segment(0xed, &[b"Photoshop 3.0\0".as_slice(), SECRETS[6]].concat()));
    if is_adobe {
        file.extend(segment(0xee, b"Adobe\0\x64\0\0\0\0\x01"));
    }
    file.extend(segment(0xef, SECRETS[8]));
    file.extend(segment(0xfe, SECRETS[3]));
    file.extend([0xff, 0xff, 0xff]);
    file.extend(&jpeg_picture(is_progressive)[1..]);
    file.extend(segment(0xfe, SECRETS[3]));
    file.extend([0xff, 0xd9]);
    file.extend(b"\xff\xd8\xff\xe1");
    file.extend(SECRETS[7]);
    file
}

fn chunk(kind: &[u8], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
    [length.as_slice(), kind, inside, b"sum!"].concat()
}

const PNG_PICTURE: [(&[u8; 4], &[u8]); 3] =
    [(b"PLTE", &[1, 2, 3]), (b"IDAT", b"first pixels"), (b"IDAT", b"more pixels")];

fn png(is_animated: bool) -> Vec<u8> {
    let mut file = png::MAGIC.to_vec();
    file.extend(chunk(b"IHDR", &[0; 13]));
    file.extend(chunk(b"iCCP", SECRETS[4]));
    file.extend(chunk(b"eXIf", &exif(6)));
    file.extend(chunk(b"tEXt", SECRETS[3]));
    file.extend(chunk(b"zTXt", SECRETS[3]));
    file.extend(chunk(b"iTXt", SECRETS[2]));
    file.extend(chunk(b"tIME", b"\x07\xea\x0b\x19\x12\0\0"));
    file.extend(chunk(b"pHYs", &[7; 9]));
    file.extend(chunk(b"cHRM", SECRETS[4]));
    file.extend(chunk(b"prVt", SECRETS[8]));
    if is_animated {
        file.extend(chunk(b"acTL", &[0; 8]));
    }
    for (kind, inside) in PNG_PICTURE {
        file.extend(chunk(kind, inside));
        file.extend(chunk(b"tEXt", SECRETS[3]));
    }
    file.extend(chunk(b"IEND", b""));
    file.extend(SECRETS[7]);
    file
}

fn webp_chunk(kind: &[u8], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len()).unwrap().to_le_bytes();
    let filling: &[u8] = if inside.len() % 2 == 1 { &[0] } else { &[] };
    [kind, &length, inside, filling].concat()
}

fn webp(orientation: u8, is_animated: bool) -> Vec<u8> {
    let mut inside = b"WEBP".to_vec();
    inside.extend(webp_chunk(b"VP8X", &[0x2c | if is_animated { 2 } else { 0 }, 0, 0, 0, 1, 0, 0, 1, 0, 0]));
    inside.extend(webp_chunk(b"ICCP", SECRETS[4]));
    if is_animated {
        inside.extend(webp_chunk(b"ANIM", &[0; 6]));
        let frame = [
            vec![3; 16],
            webp_chunk(b"ALPH", b"see-through"),
            webp_chunk(b"XXXX", SECRETS[8]),
            webp_chunk(b"VP8 ", b"pixels!"),
        ];
        inside.extend(webp_chunk(b"ANMF", &frame.concat()));
    } else {
        inside.extend(webp_chunk(b"VP8L", b"pixels"));
    }
    inside.extend(webp_chunk(b"EXIF", &exif(orientation)));
    inside.extend(webp_chunk(b"XMP ", SECRETS[2]));
    inside.extend(webp_chunk(b"abcd", SECRETS[8]));
    let length = u32::try_from(inside.len()).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &length, &inside, SECRETS[7]].concat()
}

fn gif_extension(label: u8, parts: &[&[u8]]) -> Vec<u8> {
    let blocks = parts.iter().flat_map(|part| [&[u8::try_from(part.len()).unwrap()], *part].concat());
    [0x21, label].into_iter().chain(blocks).chain([0]).collect()
}

fn gif(is_animated: bool) -> Vec<u8> {
    let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    file.extend(gif_extension(0xfe, &[SECRETS[3]]));
    file.extend(gif_extension(0xff, &[b"XMP DataXMP", SECRETS[2]]));
    file.extend(gif_extension(0xff, &[b"ICCRGBG1012", SECRETS[4]]));
    if is_animated {
        file.extend(gif_extension(0xff, &[b"NETSCAPE2.0", &[1, 0, 0]]));
    }
    for _ in 0..if is_animated { 2 } else { 1 } {
        file.extend(gif_extension(0xf9, &[&[4, 5, 0, 0]]));
        file.extend(gif_extension(0x01, &[&[0; 12], SECRETS[8]]));
        file.extend(b"\x2c\0\0\0\0\x01\0\x01\0\x80\x01\x02\x03\x04\x05\x06\x02\x02\x44\x01\0");
        file.extend(gif_extension(0xfe, &[SECRETS[3]]));
    }
    file.push(0x3b);
    file.extend(SECRETS[7]);
    file
}

/// Whether one of the secrets, or what belongs to one, stands in these bytes.
fn tells(bytes: &[u8]) -> Option<String> {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let kinds: [&[u8]; 10] = [
        b"http://ns.adobe.com",
        b"Photoshop",
        b"ICC_PROFILE",
        b"iCCP",
        b"tEXt",
        b"iTXt",
        b"tIME",
        b"XMP ",
        b"ICCP",
        b"MPF\0",
    ];
    let found = SECRETS.iter().chain(&kinds).find(|part| has(part));
    found.map(|part| String::from_utf8_lossy(part).into_owned())
}

fn thirty_pictures() -> Vec<Vec<u8>> {
    let mut pictures = Vec::new();
    for orientation in 0..=8 {
        pictures.push(jpeg(orientation, orientation % 2 == 0, orientation % 3 == 0));
        pictures.push(webp(orientation, orientation % 2 == 0));
    }
    for number in 0..12 {
        pictures.push(if number % 2 == 0 { png(number % 4 == 0) } else { gif(number % 4 == 1) });
    }
    pictures
}

#[test]
fn thirty_photos_with_metadata_leave_with_none() {
    let pictures = thirty_pictures();
    assert_eq!(pictures.len(), 30);
    let (mut before, mut after) = (0, 0);
    for picture in pictures {
        let format = Format::of(&picture);
        assert!(tells(&picture).is_some(), "the test would see it: {format:?}");
        let cleaned = clean(format, picture.clone()).unwrap();
        assert_eq!(tells(&cleaned), None, "{format:?}");
        assert_eq!(Format::of(&cleaned), format);
        assert_eq!(clean(format, cleaned.clone()).unwrap(), cleaned, "clean stays clean: {format:?}");
        before += picture.len();
        after += cleaned.len();
    }
    println!("30 pictures: {before} bytes before, {after} after");
}

#[test]
fn a_planted_leak_is_noticed() {
    let mut leaky = clean(Format::Png, png(false)).unwrap();
    leaky.extend(SECRETS[0]);
    assert!(tells(&leaky).is_some());
}

#[test]
fn the_picture_itself_stays_as_it_is() {
    for is_progressive in [false, true] {
        let picture = jpeg_picture(is_progressive);
        let cleaned = clean(Format::Jpeg, jpeg(1, is_progressive, false)).unwrap();
        let expected =
            [b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\x00\x00\x01\x00\x01\x00\x00".as_slice(), &picture];
        assert_eq!(cleaned, [expected.concat().as_slice(), &[0xff, 0xd9]].concat());
    }
    let adobe = clean(Format::Jpeg, jpeg(1, false, true)).unwrap();
    assert!(adobe.starts_with(b"\xff\xd8\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x01"), "inks stay inks");
    let mut expected = png::MAGIC.to_vec();
    expected.extend(chunk(b"IHDR", &[0; 13]));
    expected.extend(PNG_PICTURE.iter().flat_map(|(kind, inside)| chunk(*kind, inside)));
    expected.extend(chunk(b"IEND", b""));
    assert_eq!(clean(Format::Png, png(false)).unwrap(), expected);
    let animated = clean(Format::WebP, webp(1, true)).unwrap();
    assert_eq!(animated.get(20), Some(&2), "of the header's bits only the animation's is left");
    let gif = clean(Format::Gif, gif(true)).unwrap();
    let repeats = gif.windows(11).filter(|window| *window == b"NETSCAPE2.0").count();
    let pictures = gif.windows(10).filter(|window| *window == b"\x2c\0\0\0\0\x01\0\x01\0\x80").count();
    assert_eq!((repeats, pictures, gif.last()), (1, 2, Some(&0x3b)));
}

#[test]
fn how_a_picture_is_turned_stays_and_is_all_that_is_said() {
    for orientation in 2..=8 {
        let jpeg = clean(Format::Jpeg, jpeg(orientation, false, false)).unwrap();
        let block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
        let at = jpeg.windows(block.len()).position(|window| window == block).unwrap();
        assert_eq!(jpeg.get(at + block.len()), Some(&orientation));
        let webp = clean(Format::WebP, webp(orientation, false)).unwrap();
        assert_eq!(webp.get(20), Some(&8), "the header says that there is such a block");
        assert_eq!(tiff::Orientation::of(&webp[webp.len() - 26..]).unwrap().to_tiff()[19], orientation);
    }
    for nothing in [0, 1, 9] {
        let cleaned = clean(Format::Jpeg, jpeg(nothing, false, false)).unwrap();
        assert!(!cleaned.windows(4).any(|window| window == b"Exif"), "{nothing}");
    }
}

#[test]
fn what_cannot_be_cleaned_is_refused_with_a_way_out() {
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    let tiff = exif(1);
    let cases = [heic, tiff, b"%PDF-1.7".to_vec(), b"PK\x03\x04rest".to_vec(), vec![0, 1, 2, 3]];
    for bytes in cases {
        let format = Format::of(&bytes);
        let error = clean(format, bytes).unwrap_err();
        assert!(matches!(error, CleanError::Unsupported { .. }), "{format:?}");
        assert!(error.hint().contains("--keep-metadata"));
    }
    let text = "Grüße\n\tund mehr\r\n".as_bytes().to_vec();
    assert_eq!(clean(Format::of(&text), text.clone()), Ok(text));
}

#[test]
fn damaged_pictures_are_refused_wherever_they_are_cut() {
    for picture in [jpeg(6, true, true), png(true), webp(6, true), gif(true)] {
        let format = Format::of(&picture);
        let trailing = SECRETS[7].len() + 4;
        for length in 12..picture.len() - trailing {
            let cut = picture[..length].to_vec();
            if Format::of(&cut) == format
                && let Ok(cleaned) = clean(format, cut)
            {
                // A WebP file that is cut between two chunks is a shorter one.
                assert_eq!((format, tells(&cleaned)), (Format::WebP, None), "{length}");
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_cleaned_or_refused(
        begin in 0_usize..30,
        at in 0_usize..400,
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
    ) {
        let mut bytes = thirty_pictures().swap_remove(begin);
        for (place, byte) in bytes.iter_mut().skip(at).zip(noise) {
            *place = byte;
        }
        let format = Format::of(&bytes);
        if let Ok(cleaned) = clean(format, bytes.clone()) {
            proptest::prop_assert!(format == Format::Text || cleaned.len() <= bytes.len() + 64);
        }
    }
}
