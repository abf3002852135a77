//! Texts from outside: whatever they hold, they are read or refused.

use proptest::prelude::*;
use types::SystemClock;

use crate::escape::{escaped, unescaped};
use crate::fetch::{element, origin_of, word};
use crate::moment::until;
use crate::sigv4::{Canonical, normalised};

proptest! {
    #[test]
    fn any_bytes_of_an_answer_are_read_or_refused(bytes: Vec<u8>, text in "\\PC*", name in "[A-Z]{1,4}") {
        let _ = (word(&bytes), word(text.as_bytes()), element(&text, &name), origin_of(&text));
        let _ = until(&text, &SystemClock::new());
    }

    #[test]
    fn any_time_like_text_is_read_or_refused(text in "[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}T[0-9:.]{0,12}Z") {
        let _ = until(&text, &SystemClock::new());
    }

    #[test]
    fn what_is_escaped_is_read_back(bytes: Vec<u8>) {
        prop_assert_eq!(unescaped(&escaped(&bytes)), bytes);
    }

    #[test]
    fn any_path_is_signed_in_one_form(path in "(/[a.%:]{0,4}){0,6}", query in "[a&=%+]{0,12}") {
        let once = normalised(&path);
        prop_assert!(once.starts_with('/') && !once.contains("//"), "{}", once);
        prop_assert_eq!(normalised(&once), once.clone());
        let canonical = Canonical::new("POST", &once, &query, vec![("a", "b"), ("A", " c ")], "");
        prop_assert!(canonical.text.contains("\na:b,c\n"));
    }
}
