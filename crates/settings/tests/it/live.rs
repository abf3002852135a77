//! Generations of settings, and the file that makes the next one.

use std::path::Path;

use settings::{FileWatch, Live, Source};

use crate::settings;

#[test]
fn who_holds_a_generation_keeps_it() {
    let live = Live::new(settings("server: {drain: 1s}"));
    let first = live.load_full();
    assert_eq!(live.replace(settings("server: {drain: 2s}")), 2);
    let second = live.load_full();
    assert_eq!((first.number, first.settings.server.drain.as_secs()), (1, 1));
    assert_eq!((second.number, second.settings.server.drain.as_secs()), (2, 2));
}

fn watch(path: &Path) -> FileWatch {
    FileWatch::new(&Source::read(path).expect("a file")).expect("a watch")
}

#[test]
fn what_was_written_since_the_file_was_read_is_a_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tollgate.yaml");
    std::fs::write(&path, "a").expect("written");
    let source = Source::read(&path).expect("a file");
    std::fs::write(&path, "b").expect("written");
    let mut watch = FileWatch::new(&source).expect("a watch");
    assert!(!watch.changed());
    assert!(watch.changed());
}

#[test]
fn every_way_of_replacing_the_file_is_seen_once() {
    #[track_caller]
    fn check(watch: &mut FileWatch, changed: bool) {
        // Two looks: a file must say the same twice before it counts.
        assert!(!watch.changed());
        assert_eq!(watch.changed(), changed);
        assert!(!watch.changed());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (path, other) = (folder.path().join("tollgate.yaml"), folder.path().join("new"));
    std::fs::write(&path, "a").expect("written");
    let mut watch = watch(&path);
    check(&mut watch, false);
    std::fs::write(&path, "b").expect("written in place");
    check(&mut watch, true);
    std::fs::write(&other, "c").expect("written");
    std::fs::rename(&other, &path).expect("renamed over");
    check(&mut watch, true);
    std::fs::remove_file(&path).expect("removed");
    check(&mut watch, false);
    std::fs::write(&path, "c").expect("back as it was");
    check(&mut watch, false);
}

#[test]
fn a_file_that_is_still_being_written_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tollgate.yaml");
    std::fs::write(&path, "a").expect("written");
    let mut watch = watch(&path);
    std::fs::write(&path, "").expect("begun");
    assert!(!watch.changed());
    std::fs::write(&path, "b").expect("ended");
    assert!(!watch.changed());
    assert!(watch.changed());
}

#[cfg(unix)]
#[test]
fn a_link_that_is_swapped_is_a_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("v1", "a"), ("v2", "b")] {
        std::fs::create_dir(at(version)).expect("made");
        std::fs::write(at(version).join("tollgate.yaml"), text).expect("written");
    }
    std::os::unix::fs::symlink(at("v1"), at("..data")).expect("linked");
    std::os::unix::fs::symlink(at("..data").join("tollgate.yaml"), at("tollgate.yaml")).expect("linked");
    let mut watch = watch(&at("tollgate.yaml"));
    std::os::unix::fs::symlink(at("v2"), at("..data_tmp")).expect("linked");
    std::fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
    assert!(!watch.changed());
    assert!(watch.changed());
}

#[test]
fn settings_that_differ_are_named_by_their_paths() {
    let old = settings("server: {drain: 1s, caps: {body: 1KiB}}\nproviders: {a: {}}");
    let new = settings(
        "server: {drain: 1000ms, caps: {body: 2KiB}, admin: 127.0.0.1:1}\nproviders: {b: {kind: a}}",
    );
    assert_eq!(old.differences(&new), ["server.admin", "server.caps.body", "providers"]);
    assert_eq!(old.differences(&old.clone()), Vec::<String>::new());
}
