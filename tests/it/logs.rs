//! What the logs of two nodes give away: nothing of what was written, by whom, to whom, and where.

use super::program::{Home, field};

const SECRET: &str = "the boat leaves at dawn";

/// What stands in a log that must not.
fn given_away<'a>(log: &str, secrets: &'a [String]) -> Vec<&'a String> {
    secrets.iter().filter(|secret| log.to_lowercase().contains(&secret.to_lowercase())).collect()
}

#[test]
fn logs_hold_no_content_names_ids_or_addresses() {
    let (ana, ben) = (Home::of("anastasia"), Home::of("benedict"));
    let (of_ana, of_ben) = (ana.serve_with(&["--log", "debug"]), ben.serve_with(&["--log", "debug"]));
    let mut secrets = vec![SECRET.to_owned(), "anastasia".to_owned(), "benedict".to_owned()];
    secrets.extend([ana.posting_id(), ben.posting_id(), ana.invite(), ben.invite()]);
    for (home, node) in [(&ana, &of_ana), (&ben, &of_ben)] {
        secrets.push(field(&node.ready, "network_id"));
        secrets.push(field(&home.one(&["status"]), "ticket"));
        secrets.extend(node.addresses());
        secrets.push(home.data_dir().display().to_string());
    }
    secrets.push("127.0.0.1".to_owned());
    ben.one(&["follow", &ana.invite()]);
    ana.one(&["follow", &ben.invite()]);
    for number in 0..3 {
        let post_id = ana.post(&format!("{SECRET} {number}"));
        ben.wait_for_post(&post_id);
        secrets.push(post_id);
    }
    ana.refused(&["follow", &ana.invite()]);
    for (home, node) in [(&ana, of_ana), (&ben, of_ben)] {
        home.hang_up_on_node();
        node.stop();
    }
    let logs = [&ana, &ben].map(|home| std::fs::read_to_string(home.file("itsgoin.log")).unwrap());
    println!("{} and {} lines", logs[0].lines().count(), logs[1].lines().count());
    for log in &logs {
        assert!(log.lines().count() > 0, "something is logged: {log}");
        assert_eq!(given_away(log, &secrets), Vec::<&String>::new(), "{log}");
    }
    let planted = format!("{}\nfrom {}", logs[0], secrets[3]);
    assert_eq!(given_away(&planted, &secrets), [&secrets[3]]);
}

/// What the system says names the file, and nothing of that belongs into a log.
#[test]
fn a_key_that_cannot_be_written_is_logged_without_its_file() {
    let home = Home::empty();
    let node = home.serve_with(&["--log", "debug"]);
    std::fs::remove_dir(home.file("keys")).unwrap();
    std::fs::write(home.file("keys"), "no directory").unwrap();
    let told = home.refused(&["init", "--name", "ana", "--no-passphrase"]);
    assert_eq!((told.code, told.kind.as_str()), (Some(1), "store"), "{told:?}");
    node.stop();
    let log = std::fs::read_to_string(home.file("itsgoin.log")).unwrap();
    assert!(log.contains("a key file could not be written"), "{log}");
    let is_id = |word: &str| word.len() == 64 && word.chars().all(|scalar| scalar.is_ascii_hexdigit());
    let ids =
        |text: &str| text.split(|scalar: char| !scalar.is_alphanumeric()).filter(|word| is_id(word)).count();
    assert_eq!((ids(&log), log.contains("keys/")), (0, false), "{log}");
    assert_eq!(ids(&told.message), 1, "such a file is what it is about: {told:?}");
}
