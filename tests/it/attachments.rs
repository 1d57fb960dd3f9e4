//! Attachments from one node to another: by themselves, when asked for, cut and resumed, saved, and what strangers do
//! not get. Real nodes on loopback; the hostile client is a raw one of the library.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use serde_json::Value;

use super::program::{BETWEEN_LOOKS, Home, PATIENCE, Serve, field, now, wait_for, wait_until};

/// Bytes that look like nothing and repeat nowhere.
fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(count).collect()
}

/// Text of so many bytes: it is attached as it is.
fn long_text(count: usize, seed: u64) -> Vec<u8> {
    noise(count, seed).into_iter().map(|byte| b'a' + byte % 26).collect()
}

fn file(home: &Home, name: &str, bytes: &[u8]) -> String {
    let path = home.data_dir().parent().unwrap().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// Posts a text with one file: the post's id.
fn post_with(home: &Home, text: &str, path: &str) -> String {
    field(&home.one(&["post", text, "--attach", path]), "post_id")
}

fn attachment(home: &Home, post_id: &str) -> Value {
    home.one(&["thread", post_id])["attachments"][0].clone()
}

fn state(home: &Home, post_id: &str) -> String {
    field(&attachment(home, post_id), "state")
}

fn folder(home: &Home) -> PathBuf {
    home.data_dir().parent().unwrap().to_owned()
}

fn follows(reader: &Home, writer: &Home) {
    reader.one(&["follow", &writer.invite()]);
    reader.wait_for_peers(1);
}

/// Every file below a folder with its bytes.
fn size_below(path: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            size_below(&entry.path())
        } else {
            entry.metadata().map_or(0, |data| data.len())
        }
    };
    entries.map(size).sum()
}

#[test]
fn a_small_file_of_a_friend_comes_by_itself_and_is_saved_under_a_harmless_name() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _nodes = (ana.serve(), ben.serve());
    follows(&ben, &ana);
    let bytes = long_text(200_000, 1);
    let path = file(&ana, "holiday notes.txt", &bytes);
    let start = now();
    let post = field(&ana.one(&["post", "", "--attach", &path, "--alt", "what we did"]), "post_id");
    ben.wait_for_post(&post);
    wait_until("the file", || state(&ben, &post) == "complete");
    println!("200 kB from the command to the other's disk: {:?}", start.elapsed());
    let told = attachment(&ben, &post);
    assert_eq!(told["blob"], blake3::hash(&bytes).to_string());
    assert_eq!(
        (told["size_bytes"].as_u64(), field(&told, "media_type")),
        (Some(200_000), "text/plain".into())
    );
    assert_eq!(
        (field(&told, "name"), field(&told, "alt")),
        ("holiday notes.txt".into(), "what we did".into())
    );
    let target = folder(&ben).join("saved.txt").display().to_string();
    ben.one(&["blob", "save", &post, "--to", &target]);
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
    let again = ben.refused(&["blob", "save", &post, "--to", &target]);
    assert_eq!((again.code, again.kind.as_str()), (Some(1), "invalid"));
    ben.one(&["blob", "save", &post, "1", "--to", &target, "--force"]);
}

#[test]
fn a_large_file_comes_when_it_is_asked_for_and_others_pass_it_on() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let author = ana.serve();
    let _nodes = (ben.serve(), cleo.serve());
    follows(&ben, &ana);
    let bytes = long_text(3_000_000, 2);
    let post = post_with(&ana, "long", &file(&ana, "long.txt", &bytes));
    ben.wait_for_post(&post);
    assert_eq!(state(&ben, &post), "absent", "it is too large to come unasked");
    let got = ben.one(&["blob", "get", &post]);
    assert_eq!((field(&got, "state"), got["done_bytes"].as_u64()), ("complete".into(), Some(3_000_000)));
    author.stop();
    cleo.one(&["peer", "add", &field(&ben.one(&["status"]), "ticket")]);
    cleo.wait_for_peers(1);
    cleo.one(&["follow", &ana.posting_id()]);
    cleo.wait_for_post(&post);
    cleo.one(&["blob", "get", &post]);
    let target = folder(&cleo).join("long.txt").display().to_string();
    cleo.one(&["blob", "save", &post, "--to", &target]);
    assert_eq!(std::fs::read(&target).unwrap(), bytes, "from whoever read it, when the author is gone");
}

#[test]
fn files_are_attached_and_saved_without_a_network() {
    let ana = Home::of("ana");
    let (first, second) = (file(&ana, "a.txt", b"first"), file(&ana, "b.txt", b"second"));
    let post = field(&ana.one(&["post", "two", "--attach", &first, "--attach", &second]), "post_id");
    let names: Vec<String> = ana.one(&["thread", &post])["attachments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| field(one, "name"))
        .collect();
    assert_eq!(names, ["a.txt", "b.txt"]);
    let target = folder(&ana).join("out.txt").display().to_string();
    ana.one(&["blob", "save", &post, "2", "--to", &target]);
    assert_eq!(std::fs::read(&target).unwrap(), b"second");
}

#[test]
fn what_cannot_be_attached_is_refused_and_nothing_is_posted() {
    let ana = Home::of("ana");
    let missing = folder(&ana).join("none.png").display().to_string();
    let refused = ana.refused(&["post", "x", "--attach", &missing]);
    assert_eq!((refused.code, refused.kind.as_str()), (Some(3), "not_found"));
    let heic = file(&ana, "photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let refused = ana.refused(&["post", "x", "--attach", &heic]);
    assert!(
        refused.message.contains("photo.heic") && refused.hint.contains("--keep-metadata"),
        "{refused:?}"
    );
    ana.one(&["post", "x", "--attach", &heic, "--keep-metadata"]);
    let nine: Vec<String> = (0..9).map(|number| file(&ana, &format!("{number}.txt"), b"text")).collect();
    let mut arguments = vec!["post", "x"];
    arguments.extend(nine.iter().flat_map(|path| ["--attach", path.as_str()]));
    assert!(ana.refused(&arguments).message.contains("at most 8"));
    let refused = ana.refused(&["post", "x", "--alt", "without a file"]);
    assert_eq!(refused.kind, "invalid");
    let folder = ana.data_dir().display().to_string();
    assert!(ana.refused(&["post", "x", "--attach", &folder]).message.contains("no ordinary file"));
    assert_eq!(ana.refused(&["post", ""]).kind, "invalid", "a post needs something");
    assert_eq!(ana.feed().len(), 1);
}

/// What `watch` prints, line by line.
struct Watch {
    child: std::process::Child,
    lines: mpsc::Receiver<Value>,
}

impl Watch {
    fn begin(home: &Home) -> Self {
        let mut command = std::process::Command::new(super::program::PROGRAM);
        command.args(home.arguments()).arg("watch").envs(home.variables());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (line_read, lines) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(line_read.send(serde_json::from_str(&line).unwrap()));
            }
        });
        Self { child, lines }
    }

    /// The next event of this kind for which this holds.
    fn next(&self, event: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_for(event, || {
            let told = self.lines.recv_timeout(PATIENCE).unwrap();
            (told["event"] == event && is_it(&told)).then_some(told)
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

#[test]
fn watch_tells_how_a_transfer_goes_and_cancel_ends_it() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let author = ana.serve();
    let _reader = ben.serve();
    follows(&ben, &ana);
    let post = post_with(&ana, "long", &file(&ana, "long.txt", &long_text(2_000_000, 3)));
    ben.wait_for_post(&post);
    let watch = Watch::begin(&ben);
    // Events begin with its connection; the feed changes again until one is seen.
    wait_until("the watcher", || {
        ana.post("are you there?");
        std::thread::sleep(BETWEEN_LOOKS);
        watch.lines.try_recv().is_ok()
    });
    author.stop();
    let refused = ben.refused(&["blob", "get", &post, "--wait", "1"]);
    assert_eq!((refused.code, refused.kind.as_str()), (Some(5), "offline"));
    let waiting = watch.next("transfer", |told| told["state"] == "waiting");
    assert_eq!(
        (field(&waiting, "name"), waiting["size_bytes"].as_u64()),
        ("long.txt".into(), Some(2_000_000))
    );
    assert_eq!(state(&ben, &post), "wanted");
    ben.one(&["blob", "cancel", &post]);
    watch.next("transfer", |told| told["state"] == "cancelled");
    assert_eq!(state(&ben, &post), "absent");
    let _author = ana.serve();
    ben.wait_for_peers(1);
    ben.one(&["blob", "get", &post]);
    watch.next("transfer", |told| told["state"] == "running");
    watch.next("transfer", |told| told["state"] == "complete");
}

/// Ends the reader in the middle of a transfer again and again; what is said to be here is here each time.
#[test]
fn killed_while_adding_and_fetching_nothing_is_lost_that_was_said_to_be_there() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let (mut writer, mut reader) = (ana.serve(), ben.serve());
    follows(&ben, &ana);
    let mut posts = Vec::new();
    for number in 0..6_u64 {
        let bytes = long_text(900_000, 10 + number);
        let path = file(&ana, &format!("{number}.txt"), &bytes);
        let post = post_with(&ana, &format!("post {number}"), &path);
        posts.push((post.clone(), bytes));
        // The writer dies right after it said 'posted', the reader somewhere on the way.
        writer.kill();
        writer = ana.serve();
        ben.wait_for_post(&post);
        reader.kill();
        let said = state(&ben, &post);
        reader = ben.serve();
        if said == "complete" {
            assert_eq!(state(&ben, &post), "complete");
        }
    }
    for (post, bytes) in &posts {
        wait_until("every file", || state(&ben, post) == "complete");
        for home in [&ana, &ben] {
            let target = folder(home).join("check").display().to_string();
            home.one(&["blob", "save", post, "--to", &target, "--force"]);
            assert_eq!(&std::fs::read(&target).unwrap(), bytes);
        }
    }
    drop((writer, reader));
}

#[test]
fn a_transfer_that_was_killed_goes_on_where_it_was() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _writer = ana.serve();
    let mut reader = ben.serve();
    follows(&ben, &ana);
    let size = 10 * 1024 * 1024;
    let bytes = long_text(size, 20);
    let post = post_with(&ana, "ten", &file(&ana, "ten.txt", &bytes));
    ben.wait_for_post(&post);
    // Killed as soon as the first bytes stand on the disk.
    let asking = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ben.run(&["blob", "get", &post, "--json"]));
        wait_until("the first bytes", || size_below(&ben.file("blobs/data")) > 100_000);
        reader.kill();
        asked.join().unwrap()
    });
    let here = size_below(&ben.file("blobs/data"));
    println!("killed with {here} bytes of {size} on the disk ({:?})", asking.code);
    reader = ben.serve();
    wait_until("the rest", || state(&ben, &post) == "complete");
    let moved = ben.list(&["peer", "list"]).iter().filter_map(|peer| peer["bytes_in"].as_u64()).sum::<u64>();
    println!("afterwards {moved} bytes came on the other connection");
    let target = folder(&ben).join("ten.txt").display().to_string();
    ben.one(&["blob", "save", &post, "--to", &target]);
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
    drop(reader);
}

/// The bytes of a deleted post's file are gone from the disks of whoever had them.
#[test]
fn a_deleted_post_takes_its_bytes_along() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _nodes = (ana.serve(), ben.serve());
    follows(&ben, &ana);
    let [gone, kept] = [50, 51]
        .map(|seed| post_with(&ana, "x", &file(&ana, &format!("{seed}.txt"), &long_text(400_000, seed))));
    for post in [&gone, &kept] {
        ben.wait_for_post(post);
        wait_until("the file", || state(&ben, post) == "complete");
    }
    let on_disk = |home: &Home| size_below(&home.file("blobs/data"));
    assert!(on_disk(&ana) >= 800_000 && on_disk(&ben) >= 800_000);
    ana.one(&["delete", &gone]);
    for home in [&ana, &ben] {
        wait_until("the bytes are swept", || on_disk(home) < 500_000);
        assert!(on_disk(home) >= 400_000, "the other post's file stays");
        assert_eq!(state(home, &kept), "complete");
    }
}

/// A client of the library that keeps to no rule of ours.
struct Raw {
    runtime: tokio::runtime::Runtime,
    endpoint: iroh::Endpoint,
    connection: iroh::endpoint::Connection,
}

impl Raw {
    /// Connects to a running node as a stranger does.
    fn connect(node: &Serve) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let id: iroh::EndpointId = field(&node.ready, "network_id").parse().unwrap();
        let sockets =
            node.addresses().into_iter().map(|socket| iroh::TransportAddr::Ip(socket.parse().unwrap()));
        let address = iroh::EndpointAddr::from_parts(id, sockets);
        let (endpoint, connection) = runtime.block_on(async {
            let builder = iroh::Endpoint::builder(iroh::endpoint::presets::Minimal);
            let endpoint = builder.relay_mode(iroh::RelayMode::Disabled).bind().await.unwrap();
            let connection = endpoint.connect(address, iroh_blobs::ALPN).await.unwrap();
            (endpoint, connection)
        });
        Self { runtime, endpoint, connection }
    }

    /// What comes back for these bytes: the answer, or the code the stream was reset with.
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, u64> {
        self.runtime.block_on(async {
            let (mut send, mut receive) = self.connection.open_bi().await.unwrap();
            send.write_all(request).await.unwrap();
            send.finish().unwrap();
            let answer = tokio::time::timeout(PATIENCE, receive.read_to_end(10_000_000)).await;
            match answer.expect("an answer or a refusal") {
                Ok(bytes) => Ok(bytes),
                Err(iroh::endpoint::ReadToEndError::Read(iroh::endpoint::ReadError::Reset(code))) => {
                    Err(code.into_inner())
                }
                Err(other) => panic!("{other:?}"),
            }
        })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.runtime.block_on(self.endpoint.close());
    }
}

/// A request as the library writes it.
fn written(request: impl Into<iroh_blobs::protocol::Request>) -> Vec<u8> {
    use iroh_blobs::protocol::Request;
    match request.into() {
        // Its kind, and its length before it: data would follow.
        Request::Push(push) => {
            let body = postcard::to_stdvec(&push).unwrap();
            [&[8, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
        }
        other => postcard::to_stdvec(&other).unwrap(),
    }
}

/// After a kill the newest files are looked at again. Who asks meanwhile is not told that there is nothing.
#[test]
fn a_file_in_doubt_is_looked_at_when_somebody_asks_for_it() {
    let ana = Home::of("ana");
    let mut node = ana.serve();
    let files = [60, 61, 62, 63, 64, 65, 66, 67].map(|seed| long_text(900_000, seed));
    for (number, bytes) in (0_u32..).zip(&files) {
        post_with(&ana, &format!("post {number}"), &file(&ana, &format!("{number}.txt"), bytes));
    }
    node.kill();
    node = ana.serve();
    let raw = Raw::connect(&node);
    for bytes in files.iter().rev() {
        let request = written(iroh_blobs::protocol::GetRequest::blob(iroh_blobs::Hash::new(bytes)));
        assert!(raw.ask(&request).unwrap().len() > 900_000);
    }
}

#[test]
fn strangers_get_plain_parts_of_named_blobs_and_nothing_else() {
    use iroh_blobs::protocol::{
        ChunkRanges, ChunkRangesSeq, GetManyRequest, GetRequest, ObserveRequest, PushRequest,
    };
    let ana = Home::of("ana");
    let (bytes, other) = (long_text(100_000, 30), long_text(100_000, 31));
    ana.one(&["post", "named", "--attach", &file(&ana, "a.txt", &bytes)]);
    let node = ana.serve();
    let (named, unnamed) = (iroh_blobs::Hash::new(&bytes), iroh_blobs::Hash::new(&other));
    let raw = Raw::connect(&node);
    let plain = written(GetRequest::blob(named));
    let answer = raw.ask(&plain).unwrap();
    assert!(answer.len() > 100_000, "a plain question is answered: {}", answer.len());
    assert_eq!(raw.ask(&written(GetRequest::blob(unnamed))), Err(1), "a hash no post names");
    let list = [
        GetRequest::all(named),
        GetRequest::new(named, ChunkRangesSeq::from_ranges([ChunkRanges::all(), ChunkRanges::all()])),
        GetRequest::new(named, ChunkRangesSeq::verified_child_sizes()),
    ];
    for request in list {
        assert_eq!(raw.ask(&written(request)), Err(1), "a list of hashes");
    }
    let all = ChunkRangesSeq::all();
    assert_eq!(raw.ask(&written(GetManyRequest::new(vec![named], all.clone()))), Err(1), "GetMany");
    assert_eq!(raw.ask(&written(ObserveRequest::new(named))), Err(1), "Observe");
    assert_eq!(raw.ask(&written(PushRequest::new(unnamed, all))), Err(1), "Push");
    assert_eq!(raw.ask(&[255; 40]), Err(1), "what is no request");
    for _ in 0..30 {
        if raw.ask(&plain) == Err(2) {
            assert_eq!(Raw::connect(&node).ask(&plain).unwrap(), answer, "others are served all the same");
            return;
        }
    }
    panic!("nobody may ask for ever");
}
