//! The passphrase with the real program: a directory under it, a node that runs locked, and what a kill leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::conversations::{messages, wait_long};
use super::program::{Home, PROGRAM, Refusal, Said, field, refusal, wait_until};

pub const SECRET: &[u8] = b"open sesame\n";
const OTHER: &[u8] = b"correct horse\n";

/// Runs a verb that is given this passphrase.
pub fn given(home: &Home, arguments: &[&str], passphrase: &[u8]) -> Said {
    home.run_with(&[arguments, &["--passphrase-fd", "0", "--json"]].concat(), passphrase)
}

/// The same, when it must succeed: the objects it prints.
pub fn opened(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let said = given(home, arguments, SECRET);
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A directory under the passphrase, with a persona.
pub fn protected(name: &str) -> Home {
    let home = Home::empty();
    opened(&home, &["init", "--name", name]);
    home
}

fn vault(home: &Home) -> String {
    field(&home.one(&["vault", "status"]), "vault")
}

fn is_locked(refusal: &Refusal) -> bool {
    (refusal.code, refusal.kind.as_str()) == (Some(4), "passphrase")
}

#[test]
fn a_directory_under_a_passphrase_opens_with_it_and_with_nothing_else() {
    let home = protected("ana");
    assert!(!home.file("data.key").exists());
    let file = std::fs::metadata(home.file("vault")).unwrap();
    assert_eq!((file.len(), file.permissions().mode() & 0o777), (109, 0o600));
    assert_eq!(vault(&home), "locked");
    for verb in
        [&["feed"][..], &["persona", "list"], &["people"], &["invite"], &["post", "a"], &["dm", "list"]]
    {
        let refused = home.refused(verb);
        assert!(is_locked(&refused), "{verb:?}: {refused:?}");
        assert!(refused.hint.contains("--passphrase-fd"), "{refused:?}");
    }
    for wrong in [OTHER, b"open sesame \n", b"Open sesame\n"] {
        let refused = refusal(&given(&home, &["feed"], wrong));
        assert!(is_locked(&refused), "{refused:?}");
        assert!(refused.message.contains("does not open"), "{refused:?}");
    }
    let post = field(&opened(&home, &["post", "said in spite of it"])[0], "post_id");
    assert_eq!(field(&opened(&home, &["feed"])[0], "post_id"), post);
    assert_eq!(field(&opened(&home, &["persona", "list"])[0], "name"), "ana");
}

#[test]
fn init_asks_for_a_decision_and_leaves_nothing_half_done() {
    let home = Home::empty();
    let nothing = home.refused(&["init", "--name", "ana"]);
    assert!(is_locked(&nothing), "{nothing:?}");
    let empty = refusal(&given(&home, &["init", "--name", "ana"], b"\n"));
    assert_eq!((empty.code, empty.kind.as_str()), (Some(1), "invalid"), "{empty:?}");
    let nameless = refusal(&given(&home, &["init", "--name", ""], SECRET));
    assert_eq!((nameless.code, nameless.kind.as_str()), (Some(1), "invalid"), "{nameless:?}");
    let both = given(&home, &["init", "--name", "ana", "--no-passphrase"], SECRET);
    assert_eq!(both.code, Some(2), "{both:?}");
    assert_eq!(vault(&home), "open");
    assert!(home.list(&["persona", "list"]).is_empty());
    // As a kill between the passphrase and the persona leaves it: the same command goes on.
    let set = home.run_with(&["vault", "passphrase", "--new-passphrase-fd", "0"], SECRET);
    assert_eq!(set.code, Some(0), "{set:?}");
    assert_eq!(opened(&home, &["init", "--name", "ana"]).len(), 1);
}

#[test]
fn any_descriptor_can_give_it() {
    let home = protected("ana");
    let file = home.file("../passphrase");
    std::fs::write(&file, SECRET).unwrap();
    let script = format!("exec {PROGRAM} \"$@\" 7<\"{}\"", file.display());
    let run = |descriptor: &str| {
        Command::new("sh")
            .args(["-c", &script, "sh"])
            .args(home.arguments())
            .args(["feed", "--json", "--passphrase-fd", descriptor])
            .envs(home.variables())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    assert_eq!(run("7").status.code(), Some(0));
    let nowhere = run("8");
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("--passphrase-fd"));
}

#[test]
fn a_locked_node_carries_answers_that_it_is_locked_and_is_unlocked_by_a_command() {
    let (ana, lea) = (protected("ana"), Home::of("lea"));
    let of_lea = lea.serve();
    opened(&ana, &["follow", &lea.invite()]);
    assert_eq!(home_without_node(&ana), 3);
    let of_ana = ana.serve();
    assert_eq!(vault(&ana), "locked");
    let post = lea.post("said while ana sleeps");
    wait_until("the post in the locked store", || ana.one(&["status"])["post_count"] == 1);
    assert!(ana.one(&["status"])["persona_count"].is_null(), "it does not know who it belongs to");
    for verb in [&["feed"][..], &["post", "a"], &["thread", &post], &["invite"], &["dm", "list"]] {
        let refused = ana.refused(verb);
        assert!(is_locked(&refused), "{verb:?}: {refused:?}");
    }
    assert!(is_locked(&refusal(&given(&ana, &["unlock"], OTHER))));
    assert_eq!(vault(&ana), "locked", "a wrong passphrase opens nothing");
    assert_eq!(opened(&ana, &["unlock"]), [serde_json::json!({"vault": "unlocked"})]);
    assert_eq!(opened(&ana, &["unlock"]), [serde_json::json!({"vault": "unlocked"})], "twice is once");
    assert_eq!(ana.feed()[0]["post_id"], post.as_str());
    let answer = ana.post("awake");
    lea.one(&["follow", &ana.invite()]);
    lea.wait_for_post(&answer);
    of_ana.stop();
    of_lea.stop();
    assert_eq!(vault(&ana), "locked", "the passphrase is needed at every start");
}

/// The exit code of `unlock` where no node runs.
fn home_without_node(home: &Home) -> i32 {
    given(home, &["unlock"], SECRET).code.unwrap()
}

#[test]
fn the_passphrase_is_set_changed_and_removed() {
    let home = Home::of("ana");
    let post = home.post("as before");
    let set = home.run_with(&["vault", "passphrase", "--json", "--new-passphrase-fd", "0"], SECRET);
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(home.file("vault").exists() && !home.file("data.key").exists());
    assert!(is_locked(&home.refused(&["feed"])));
    let both = ["vault", "passphrase", "--json", "--passphrase-fd", "0", "--new-passphrase-fd", "0"];
    let wrong = refusal(&home.run_with(&both, &[OTHER, OTHER].concat()));
    assert!(is_locked(&wrong), "{wrong:?}");
    let empty = refusal(&home.run_with(&both, &[SECRET, b"\n"].concat()));
    assert_eq!(empty.kind, "invalid", "{empty:?}");
    assert_eq!(field(&opened(&home, &["feed"])[0], "post_id"), post, "nothing changed so far");
    let changed = home.run_with(&both, &[SECRET, OTHER].concat());
    assert_eq!(changed.code, Some(0), "{changed:?}");
    assert!(is_locked(&refusal(&given(&home, &["feed"], SECRET))), "the old one opens nothing any more");
    assert_eq!(given(&home, &["feed"], OTHER).code, Some(0));
    let of_ana = home.serve();
    assert!(is_locked(&refusal(&given(&home, &["vault", "remove"], SECRET))));
    let removed = given(&home, &["vault", "remove"], OTHER);
    assert_eq!(removed.stdout.trim_end(), r#"{"vault":"open"}"#, "also while a node runs: {removed:?}");
    of_ana.stop();
    assert!(!home.file("vault").exists() && home.file("data.key").exists());
    assert_eq!(vault(&home), "open");
    assert_eq!(home.feed()[0]["post_id"], post.as_str());
}

#[test]
fn what_a_kill_leaves_opens_and_what_is_missing_is_not_made_anew() {
    let home = Home::of("ana");
    home.post("as before");
    let clear = std::fs::read(home.file("data.key")).unwrap();
    let private = |name: &str, content: &[u8]| {
        std::fs::write(home.file(name), content).unwrap();
        std::fs::set_permissions(home.file(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("vault.tmp", b"half");
    assert_eq!(home.texts(), ["as before"], "setting: half of the new file");
    assert!(!home.file("vault.tmp").exists());
    home.run_with(&["vault", "passphrase", "--new-passphrase-fd", "0"], SECRET);
    private("data.key", &clear);
    private("data.tmp", &clear);
    assert!(is_locked(&home.refused(&["feed"])), "setting: the old file is still there");
    assert!(!home.file("data.key").exists() && !home.file("data.tmp").exists(), "it is not for long");
    assert_eq!(opened(&home, &["feed"]).len(), 1);

    let vault = std::fs::read(home.file("vault")).unwrap();
    std::fs::remove_file(home.file("vault")).unwrap();
    let missing = home.refused(&["feed"]);
    assert!(missing.message.contains("data.key") && missing.hint.contains("backup"), "{missing:?}");
    assert!(!home.file("data.key").exists() && !home.file("vault").exists());
    private("vault", &vault[..100]);
    let damaged = home.refused(&["feed"]);
    assert_eq!((damaged.code, damaged.kind.as_str()), (Some(1), "store"), "{damaged:?}");
    private("vault", &vault);
    assert_eq!(opened(&home, &["feed"]).len(), 1);
}

/// Every file below a folder, with its path.
pub fn everything(below: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// Where these bytes stand, in a file or in its name.
pub fn found(files: &[(String, Vec<u8>)], what: &[u8]) -> Option<String> {
    let holds = |bytes: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    files.iter().find(|(path, bytes)| holds(path.as_bytes()) || holds(bytes)).map(|(path, _)| path.clone())
}

/// An id as it is printed and as it is stored.
pub fn forms(hex: &str) -> [Vec<u8>; 2] {
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    [hex.as_bytes().to_vec(), bytes]
}

#[test]
fn a_locked_directory_says_nothing_of_conversations_and_whose_keys_it_holds() {
    let (ana, ben) = (protected("ana"), Home::of("ben"));
    let (to_ana, to_ben) = ("the plum tree blossoms early", "so does the quince in the yard");
    opened(&ana, &["post", "a post for everybody to see"]);
    let of_ana = ana.serve();
    opened(&ana, &["unlock"]);
    let of_ben = ben.serve();
    ben.one(&["follow", &ana.invite()]);
    ana.one(&["follow", &ben.posting_id()]);
    ana.wait_for_peers(1);
    let theirs = field(&ben.one(&["dm", "send", "--to", &ana.posting_id(), to_ana]), "message_id");
    wait_long("the message", || messages(&ana).len() == 1);
    let mine = field(&ana.one(&["dm", "send", "--to", &ben.posting_id(), to_ben]), "message_id");
    wait_long("the answer", || messages(&ben).len() == 2);
    let thread = field(&ana.list(&["dm", "list"])[0], "thread");
    let times: Vec<u64> = messages(&ana).iter().map(|message| message["sent_ms"].as_u64().unwrap()).collect();
    let persona = ana.posting_id();
    of_ana.stop();
    of_ben.stop();

    let files = everything(&ana.data_dir());
    let open = everything(&ben.data_dir());
    let mut secrets = vec![to_ana.as_bytes().to_vec(), to_ben.as_bytes().to_vec()];
    secrets.extend([&theirs, &mine, &thread].into_iter().flat_map(|id| forms(id)));
    // As text, and as every binary number of six bytes or more ends.
    secrets.extend(times.iter().map(|time| time.to_string().into_bytes()));
    secrets.extend(times.iter().map(|time| time.to_be_bytes()[2..].to_vec()));
    for secret in &secrets {
        assert_eq!(found(&files, secret), None, "{}", String::from_utf8_lossy(secret));
    }
    // The search finds what is public, so it can find.
    assert!(found(&files, b"a post for everybody to see").is_some());
    let [printed, stored] = forms(&ben.posting_id());
    assert!(found(&files, &stored).is_some(), "the union of authors stays in the clear");
    assert_eq!(found(&files, &printed), None);
    let [printed, _] = forms(&persona);
    assert_eq!(found(&files, &printed), None, "no file is named after a persona");
    // Without a passphrase the key lies beside what it opens.
    assert!(open.iter().any(|(path, _)| path.ends_with("data.key")));
    assert!(!files.iter().any(|(path, _)| path.ends_with("data.key")));
}

#[test]
fn what_came_while_locked_is_read_once_it_is_unlocked() {
    let (ana, ben) = (protected("ana"), Home::of("ben"));
    opened(&ana, &["follow", &ben.posting_id()]);
    let id = field(&opened(&ana, &["persona", "list"])[0], "posting_id");
    let (of_ana, of_ben) = (ana.serve(), ben.serve());
    let ticket = field(&ana.one(&["status"]), "ticket");
    ben.one(&["peer", "add", &ticket]);
    ben.wait_for_peers(1);
    ben.one(&["follow", &id]);
    ben.one(&["dm", "send", "--to", &id, "left at the locked door"]);
    wait_long("the message has left", || {
        messages(&ben)[0]["state"]["sent"]["peers"].as_u64().is_some_and(|peers| peers > 0)
    });
    of_ben.stop();
    opened(&ana, &["unlock"]);
    wait_long("the message", || {
        messages(&ana).iter().any(|message| field(message, "text") == "left at the locked door")
    });
    of_ana.stop();
}
